//! A database that is taken away under load: no call fails, it is told of, and afterwards the rows are those of the live calls.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::agent::exchange::{Exchange, Kind};
use crate::agent::phone::{Live, Phone};
use crate::harness::lock;
use crate::harness::postgres::Postgres;
use crate::harness::rows;
use crate::harness::sipp::{Load, Sipp};
use crate::harness::tandem::Tandem;
use crate::harness::wait;

const COMPLAINT: &str = "nothing is saved until the store is back";
const RETURN: &str = "everything is saved anew";

/// Two PBXes, callers, and a phone whose calls stay up.
struct House {
    pbxes: [Exchange; 2],
    tandem: Tandem,
    phone: Phone,
    callers: Sipp,
    calls: Vec<Live>,
}

impl House {
    /// With callers at 100 a second for so long.
    #[track_caller]
    fn open(store: &str, seconds: u32) -> Self {
        let pbxes = ["a", "b"].map(|name| Exchange::start(name, Kind::Trusting));
        let mut config = String::from("[[group]]\nname = \"pbx\"\n");
        for pbx in &pbxes {
            config += &pbx.config("capacity = { calls = 5000 }");
        }
        let tandem = Tandem::start_kept(&config, store);
        let load = Load {
            scenario: "caller.xml",
            service: "1001",
            calls: 100 * seconds,
            cps: 100,
            hold: Duration::from_secs(1),
        };
        House {
            phone: Phone::start(tandem.sip),
            callers: Sipp::caller("callers", tandem.sip, &load),
            pbxes,
            tandem,
            calls: Vec::new(),
        }
    }

    /// Calls that stay up come, and older ones go.
    #[track_caller]
    fn goes_on_for(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            let call = self.phone.call("1001");
            assert!(
                call.outcome.time < Duration::from_millis(500),
                "{call:?}",
                call = call.outcome
            );
            self.calls.push(call);
            if self.calls.len().is_multiple_of(3) {
                self.phone.hang_up(self.calls.remove(0));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Why nothing is saved.
    #[track_caller]
    fn trouble(&self) -> Option<String> {
        // Without its store it is ready all the same.
        let ready = self.tandem.get("/readyz");
        ready["store"].as_str().map(str::to_owned)
    }

    /// Told by `/readyz`, by the metrics, and once a minute in the log.
    #[track_caller]
    fn is_told(&self) {
        wait::until("the trouble is told", Duration::from_secs(1), || {
            self.trouble()
        });
        let failed = [("outcome", "failed")];
        let metrics = self.tandem.metrics();
        assert!(metrics.sum("tandem_store_writes_total", &failed) > 0.0);
        wait::until("rows that wait", Duration::from_secs(1), || {
            let metrics = self.tandem.metrics();
            (metrics.sum("tandem_store_queue_depth", &[]) > 0.0).then_some(())
        });
        assert_eq!(self.tandem.log().matches(COMPLAINT).count(), 1);
    }

    #[track_caller]
    fn is_back(&self) {
        wait::until("the store is back", Duration::from_secs(20), || {
            self.trouble().is_none().then_some(())
        });
        assert_eq!(self.tandem.log().matches(RETURN).count(), 1);
        assert_eq!(self.tandem.log().matches(COMPLAINT).count(), 1);
    }

    /// No caller failed; the rows are the calls that stayed up, and none once they have gone.
    #[track_caller]
    fn closes(mut self, rows: impl Fn(&Path) -> Vec<String>) {
        self.callers.succeeds(Duration::from_secs(30));
        let folder = self.tandem.folder().to_owned();
        assert!(!self.calls.is_empty());
        let soon = Duration::from_secs(3);
        wait::equal("rows and live calls", self.live(), soon, || rows(&folder));
        let tandem = Tandem::start_again(self.tandem.crash());
        assert_eq!(tandem.live(), self.calls.len() as u64);
        self.phone.hang_up_all(self.calls);
        wait::equal("rows", Vec::new(), soon, || rows(&folder));
        tandem.finish();
    }

    /// The Call-IDs of what the PBXes hold, who must agree with the phone.
    fn live(&self) -> Vec<String> {
        let mut held: Vec<String> = self.pbxes.iter().flat_map(Exchange::list).collect();
        held.sort_unstable();
        let calls = self.calls.iter();
        let mut up: Vec<String> = calls.map(|call| call.outcome.id.clone()).collect();
        up.sort_unstable();
        assert_eq!(held, up);
        held
    }
}

/// Callers for as long as it is away, and some seconds before and after.
fn away_for_thirty_seconds(take: impl Fn(&Postgres), give: impl Fn(&Postgres)) {
    let server = Postgres::start();
    let mut house = House::open(&server.url(), 36);
    house.goes_on_for(Duration::from_secs(2));
    assert_eq!(house.trouble(), None);
    take(&server);
    let taken = Instant::now();
    house.goes_on_for(Duration::from_secs(5));
    wait::until("the trouble is told", Duration::from_secs(1), || {
        house.trouble()
    });
    house.goes_on_for(Duration::from_secs(30).saturating_sub(taken.elapsed()));
    house.is_told();
    give(&server);
    house.is_back();
    house.goes_on_for(Duration::from_secs(1));
    house.closes(|_| rows::in_postgres(&server.url()));
}

#[test]
fn a_database_that_is_stopped_or_says_nothing_for_30_s_fails_no_call_and_is_right_afterwards() {
    let _turn = lock::alone();
    std::thread::scope(|scope| {
        scope.spawn(|| away_for_thirty_seconds(Postgres::stop, Postgres::start_again));
        scope.spawn(|| away_for_thirty_seconds(Postgres::freeze, Postgres::thaw));
    });
}

#[test]
fn a_file_that_is_locked_or_may_not_grow_fails_no_call_and_is_right_afterwards() {
    let _turn = lock::alone();
    let mut house = House::open("sqlite://tandem.db", 10);
    house.goes_on_for(Duration::from_secs(2));
    let file = house.tandem.folder().join("tandem.db");
    let locked = exclusive(&file);
    house.goes_on_for(Duration::from_secs(3));
    house.is_told();
    drop(locked);
    house.is_back();
    house.goes_on_for(Duration::from_millis(200));
    // What the log holds so far is less than the write-ahead log has, which alone hits the limit.
    house.files_may_have("65536");
    house.goes_on_for(Duration::from_millis(1500));
    house.is_told();
    house.files_may_have("unlimited");
    house.is_back();
    house.closes(|folder| rows::in_sqlite(&folder.join("tandem.db")));
}

#[test]
fn a_log_on_a_full_disk_ends_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = concat!(
        "[[listen]]\nuri = \"sip:127.0.0.1:0;transport=udp\"\n[http]\nlisten = \"127.0.0.1:0\"\n",
        "[store]\nurl = \"sqlite::memory:\"\n[[group]]\nname = \"pbx\"\n[[peer]]\nname = \"a\"\nuri = \"sip:127.0.0.1:9\"\ngroups = [\"pbx\"]\n"
    );
    let file = folder.path().join("tandem.toml");
    std::fs::write(&file, config).expect("written");
    let full = std::fs::File::options().write(true).open("/dev/full");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
    command
        .args(["serve", "--log-level", "trace", "--config"])
        .arg(&file);
    command.stdout(Stdio::piped()).stderr(full.expect("Linux"));
    let mut process = command.spawn().expect("started");
    let mut ready = String::new();
    let mut stdout = BufReader::new(process.stdout.take().expect("piped"));
    let read = stdout.read_line(&mut ready);
    let told = kill(Pid::from_raw(process.id() as i32), Signal::SIGTERM);
    let status = process.wait().expect("waited for");
    assert!(read.is_ok() && told.is_ok() && status.success(), "{status}");
    assert!(ready.starts_with("ready "), "{ready}");
}

impl House {
    /// As on a full disk, no file grows beyond so many bytes; the signal that tells of it is ignored, as `trap` does.
    #[track_caller]
    fn files_may_have(&self, bytes: &str) {
        let mut limit = Command::new("prlimit");
        limit.arg(format!("--pid={}", self.tandem.pid()));
        let status = limit.arg(format!("--fsize={bytes}:unlimited")).status();
        assert!(status.expect("util-linux is there").success());
    }
}

/// Another program that has the file for itself.
#[track_caller]
fn exclusive(file: &Path) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(file).expect("opened");
    let locked = connection.execute_batch("BEGIN EXCLUSIVE");
    locked.expect("the file can be locked");
    connection
}
