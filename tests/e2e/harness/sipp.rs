//! SIPp: callers and PBXes from the scenarios in `tests/sipp`.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::child::{Running, wait_for_udp};
use super::net::fresh_ip;

/// A SIPp process.
pub struct Sipp {
    process: Running,
    pub address: SocketAddr,
    name: String,
    folder: tempfile::TempDir,
}

/// How many calls a SIPp process has seen through.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub successful: u64,
    pub failed: u64,
}

/// What a caller is to do.
pub struct Load<'a> {
    pub scenario: &'a str,
    pub service: &'a str,
    pub calls: u32,
    pub cps: u32,
    pub hold: Duration,
}

impl Sipp {
    /// Starts a PBX and waits until it listens.
    #[track_caller]
    pub fn pbx(name: &str, scenario: &str) -> Self {
        let sipp = Self::start(name, scenario, &[]);
        wait_for_udp(sipp.address, Duration::from_secs(5));
        sipp
    }

    /// Starts a caller.
    #[track_caller]
    pub fn caller(name: &str, server: SocketAddr, load: &Load<'_>) -> Self {
        Self::caller_with(name, server, load, &[])
    }

    /// Starts a caller with further arguments.
    #[track_caller]
    pub fn caller_with(
        name: &str,
        server: SocketAddr,
        load: &Load<'_>,
        arguments: &[&str],
    ) -> Self {
        let (calls, cps) = (load.calls.to_string(), load.cps.to_string());
        let hold = load.hold.as_millis().to_string();
        let limit = (load.calls + 1).to_string();
        let server = server.to_string();
        let mut more = vec![
            server.as_str(),
            "-s",
            load.service,
            "-m",
            &calls,
            "-r",
            &cps,
            "-l",
            &limit,
            "-d",
            &hold,
        ];
        more.extend(arguments);
        Self::start(name, load.scenario, &more)
    }

    #[track_caller]
    fn start(name: &str, scenario: &str, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let address = SocketAddr::new(fresh_ip(), 5060);
        let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sipp");
        let mut command = Command::new("sipp");
        command
            .args(more)
            .arg("-sf")
            .arg(scenarios.join(scenario))
            .args(["-i", &address.ip().to_string(), "-p", "5060"])
            .args(["-nostdin", "-nd", "-skip_rlimit", "-fd", "1"])
            .args(["-max_invite_retrans", "8", "-max_retrans", "10"])
            .args(["-buff_size", "4194304"])
            .args(["-trace_err", "-error_file"])
            .arg(folder.path().join("errors"))
            .args(["-trace_stat", "-stf"])
            .arg(folder.path().join("stat.csv"))
            .env("TERM", "dumb")
            .current_dir(folder.path());
        let process = Running::start(command, name, folder.path());
        Self {
            process,
            address,
            name: name.to_owned(),
            folder,
        }
    }

    /// A `[[peer]]` of a config.
    pub fn config(&self, more: &str) -> String {
        crate::agent::pbx::peer_config(&self.name, self.address, more)
    }

    /// Waits for a caller's end: every call must have succeeded.
    #[track_caller]
    pub fn succeeds(&mut self, within: Duration) -> Count {
        let status = self.process.wait(within);
        let count = self.count();
        assert!(
            status.success() && count.failed == 0,
            "{}: {status}, {count:?}\n{}",
            self.name,
            self.errors()
        );
        count
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    pub fn has_ended(&mut self) -> bool {
        self.process.ended().is_some()
    }

    /// The statistics so far; they are written once a second and at the end.
    pub fn count(&self) -> Count {
        let value = |name| {
            let last = self.column(name).pop();
            last.and_then(|value| value.parse().ok()).unwrap_or(0)
        };
        Count {
            successful: value("SuccessfulCall(C)"),
            failed: value("FailedCall(C)"),
        }
    }

    /// The seconds since 1970 in which calls failed, and how many in each.
    pub fn failures(&self) -> Vec<(f64, u64)> {
        let times = self.column("CurrentTime");
        let failed = self.column("FailedCall(P)");
        let each = times.iter().zip(failed).filter_map(|(time, failed)| {
            let at = time.split('\t').next_back()?.parse().ok()?;
            Some((at, failed.parse().ok()?))
        });
        each.filter(|(_, failed)| *failed > 0).collect()
    }

    /// What the statistics say under this head, line by line.
    fn column(&self, name: &str) -> Vec<String> {
        let table = std::fs::read_to_string(self.folder.path().join("stat.csv"));
        let table = table.unwrap_or_default();
        let mut lines = table.lines();
        let head = lines.next().unwrap_or("");
        let at = head.split(';').position(|found| found == name);
        // The last line may still be being written.
        let columns = head.split(';').count();
        let whole = lines.filter(|line| line.split(';').count() == columns);
        let value = |line: &str| line.split(';').nth(at?).map(str::to_owned);
        whole.filter_map(value).collect()
    }

    /// What SIPp found wrong, its beginning.
    pub fn errors(&self) -> String {
        let bytes = std::fs::read(self.folder.path().join("errors")).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        text.lines().take(60).collect::<Vec<_>>().join("\n")
    }

    /// Stops a PBX; no call may have gone wrong at it.
    #[track_caller]
    pub fn stops_clean(mut self) -> Count {
        self.process.signal(nix::sys::signal::Signal::SIGUSR1);
        self.process.wait(Duration::from_secs(10));
        let count = self.count();
        assert_eq!(count.failed, 0, "{}\n{}", self.name, self.errors());
        count
    }
}
