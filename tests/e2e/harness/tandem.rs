//! The binary under test: started with a config, asked over HTTP, ended and its log judged.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::child::Running;
use super::http::{Answer, Client};
use super::metrics::Scrape;
use super::net::fresh_ip;
use super::wait;

/// The admin token of every config written here.
pub const ADMIN: &str = "admin-secret";

/// How long a count may take to reach what has already been seen on the wire.
const SOON: Duration = Duration::from_secs(2);

/// A running `tandem serve`.
pub struct Tandem {
    /// Where it takes SIP.
    pub sip: SocketAddr,
    pub http: Client,
    process: Running,
    folder: tempfile::TempDir,
    /// Peers named by the config, for the closing of the books.
    expect_clean: bool,
}

impl Tandem {
    /// Starts it; `rest` is the config after the parts that every test shares.
    #[track_caller]
    pub fn start(rest: &str) -> Self {
        Self::launch(folder_with(&whole_config(rest)))
    }

    /// Starts it where the system trusts the authorities of this file alone.
    #[track_caller]
    pub fn start_trusting(rest: &str, authorities: &Path) -> Self {
        let trust = [("SSL_CERT_FILE", authorities)];
        Self::launch_with(folder_with(&whole_config(rest)), &trust)
    }

    /// Starts it on addresses that it keeps over restarts, with this store.
    #[track_caller]
    pub fn start_kept(rest: &str, store: &str) -> Self {
        let listen = format!("sip:{}:5060;transport=udp", fresh_ip());
        let config = whole_config(rest)
            .replace("sip:127.0.0.1:0;transport=udp", &listen)
            .replace("\"127.0.0.1:0\"", &format!("\"{}:8080\"", fresh_ip()))
            .replace("sqlite::memory:", store);
        Self::launch(folder_with(&config))
    }

    /// Starts it again as it was, where it was.
    #[track_caller]
    pub fn start_again(ended: Ended) -> Self {
        Self::launch(ended.0)
    }

    /// A crash: `kill -9`.
    pub fn crash(mut self) -> Ended {
        self.process.kill();
        Ended(self.folder)
    }

    /// A stop by SIGTERM.
    #[track_caller]
    pub fn stop(mut self) -> Ended {
        self.process.signal(Signal::SIGTERM);
        let status = self.process.wait(Duration::from_secs(10));
        assert!(status.success(), "ended with {status}");
        Ended(self.folder)
    }

    #[track_caller]
    fn launch(folder: tempfile::TempDir) -> Self {
        Self::launch_with(folder, &[])
    }

    #[track_caller]
    fn launch_with(folder: tempfile::TempDir, surroundings: &[(&str, &Path)]) -> Self {
        let config = folder.path().join("tandem.toml");
        // A file that may not grow any more is an error, which is what a full disk gives, and no signal.
        let mut command = Command::new("sh");
        command
            .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
            .arg(binary())
            .arg("serve")
            .arg("--config")
            .arg(&config)
            .args(["--log-format", "text"])
            .env("NO_COLOR", "1")
            .env_remove("RUST_LOG")
            .envs(surroundings.iter().copied())
            .current_dir(folder.path());
        let mut process = Running::start(command, "tandem", folder.path());
        let line = wait::until("the ready line", Duration::from_secs(15), || {
            if let Some(status) = process.ended() {
                panic!(
                    "tandem ended with {status} before it was ready\n{}",
                    process.tail()
                );
            }
            let stdout = process.stdout();
            let line = stdout.lines().find(|line| line.starts_with("ready "));
            line.filter(|_| stdout.ends_with('\n')).map(str::to_owned)
        });
        let (sip, http) = ready(&line);
        Self {
            sip,
            http: Client::new(&format!("http://{http}")),
            process,
            folder,
            expect_clean: true,
        }
    }

    /// Rewrites the config file; the running process has not read it yet.
    pub fn rewrite_config(&self, rest: &str) {
        std::fs::write(self.config_path(), whole_config(rest)).expect("config written");
    }

    pub fn config_path(&self) -> PathBuf {
        self.folder.path().join("tandem.toml")
    }

    /// Where it runs, and keeps what it keeps in files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// What it has logged since it was started.
    pub fn log(&self) -> String {
        self.process.stderr()
    }

    pub fn hang_up_signal(&self) {
        self.process.signal(Signal::SIGHUP);
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        let answer = self.http.get(path);
        assert_eq!(answer.status, 200, "GET {path}: {}", answer.text);
        answer.json()
    }

    /// A write with the admin token.
    #[track_caller]
    pub fn admin(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.http.send(method, path, Some(ADMIN), body)
    }

    #[track_caller]
    pub fn peer(&self, peer: &str) -> Value {
        self.get(&format!("/v1/peers/{peer}"))
    }

    /// A number of a peer's resource: own, foreign, capacity, free.
    #[track_caller]
    pub fn number(&self, peer: &str, resource: &str, what: &str) -> Option<u64> {
        self.peer(peer)["resources"][resource][what].as_u64()
    }

    #[track_caller]
    pub fn own(&self, peer: &str) -> u64 {
        self.number(peer, "calls", "own")
            .unwrap_or_else(|| panic!("no own count: {}", self.peer(peer)))
    }

    /// The calls that it counts, in every state.
    #[track_caller]
    pub fn live(&self) -> u64 {
        self.metrics().sum("tandem_calls_active", &[]) as u64
    }

    /// The count reaches `wanted` soon and is `wanted`.
    #[track_caller]
    pub fn own_is(&self, peer: &str, wanted: u64) {
        wait::equal(&format!("own calls of {peer}"), wanted, SOON, || {
            self.own(peer)
        });
    }

    /// So many live calls are up `within` this time.
    #[track_caller]
    pub fn calls_up_are(&self, wanted: usize, within: Duration) {
        wait::equal("calls up", wanted, within, || {
            let calls = self.calls();
            calls.iter().filter(|call| call["state"] == "up").count()
        });
    }

    /// The live calls.
    #[track_caller]
    pub fn calls(&self) -> Vec<Value> {
        let body = self.get("/v1/calls?limit=1000");
        let list = match &body {
            Value::Object(map) => map.get("calls").or_else(|| map.get("items")),
            _ => Some(&body),
        };
        list.and_then(Value::as_array)
            .unwrap_or_else(|| panic!("no list of calls: {body}"))
            .clone()
    }

    /// The states of the live calls, in order.
    #[track_caller]
    pub fn states_are(&self, wanted: &[&str]) {
        wait::equal("states of the live calls", wanted.to_vec(), SOON, || {
            let mut states: Vec<&str> = Vec::new();
            for call in self.calls() {
                states.push(match call["state"].as_str() {
                    Some("ringing") => "ringing",
                    Some("up") => "up",
                    Some("ending") => "ending",
                    _ => panic!("a call without a known state: {call}"),
                });
            }
            states.sort_unstable();
            states
        });
    }

    /// `count` calls live at `peer`, in `state`, by the gauge and by the list.
    #[track_caller]
    pub fn holds(&self, peer: &str, count: u64, state: &str) {
        self.own_is(peer, count);
        self.states_are(&vec![state; count as usize]);
    }

    #[track_caller]
    pub fn metrics(&self) -> Scrape {
        let answer = self.http.get("/metrics");
        assert_eq!(answer.status, 200);
        Scrape::parse(&answer.text)
    }

    /// A counter reaches `wanted` soon; scraped values may lag by the exporter's own interval.
    #[track_caller]
    pub fn metric_is(&self, name: &str, labels: &[(&str, &str)], wanted: f64) {
        wait::equal(
            &format!("{name} {labels:?}"),
            wanted,
            Duration::from_secs(3),
            || self.metrics().sum(name, labels),
        );
    }

    /// The peer's health, or a panic with all that is known of it.
    #[track_caller]
    pub fn health_becomes(&self, peer: &str, wanted: &str, within: Duration) {
        wait::equal(
            &format!("health of {peer}"),
            wanted.to_owned(),
            within,
            || {
                self.peer(peer)["health"]
                    .as_str()
                    .unwrap_or("missing")
                    .to_owned()
            },
        );
    }

    #[track_caller]
    pub fn feedback(&self, peer: &str, token: &str, report: &Value) -> Answer {
        self.http.send(
            "POST",
            &format!("/v1/peers/{peer}/feedback"),
            Some(token),
            report,
        )
    }

    #[track_caller]
    pub fn reload(&self) {
        let answer = self.admin("POST", "/v1/reload", &json!({}));
        assert_eq!(answer.status, 200, "reload: {}", answer.text);
    }

    /// No call is left within `within`, and the books are closed: granted = released, nothing dropped, no violation.
    #[track_caller]
    pub fn books_close(&self, within: Duration) {
        wait::equal("live calls in all", 0.0, within, || {
            let scrape = self.metrics();
            scrape.sum("tandem_peer_own", &[]) + scrape.sum("tandem_calls_active", &[])
        });
        let scrape = self.metrics();
        for peer in scrape.label_values("tandem_slots_granted_total", "peer") {
            let labels = [("peer", peer.as_str())];
            let granted = scrape.sum("tandem_slots_granted_total", &labels);
            let released = scrape.sum("tandem_slots_released_total", &labels);
            assert_eq!(granted, released, "granted and released of {peer}");
        }
        let dropped = scrape.sum("tandem_slots_released_total", &[("cause", "dropped")]);
        assert_eq!(dropped, 0.0, "slots dropped");
        let violations = scrape.sum("tandem_invariant_violations_total", &[]);
        assert_eq!(violations, 0.0, "invariants violated");
    }

    /// Closes the books, stops the process by SIGTERM and judges its log.
    #[track_caller]
    pub fn finish(mut self) {
        if self.expect_clean {
            self.books_close(Duration::from_secs(5));
        }
        self.process.signal(Signal::SIGTERM);
        let status = self.process.wait(Duration::from_secs(10));
        assert!(status.success(), "ended with {status}");
        let errors = errors(&self.log());
        assert!(errors.is_empty(), "errors in the log: {errors:#?}");
    }

    /// Like `finish`, for a test that leaves calls behind on purpose.
    #[track_caller]
    pub fn finish_with_calls(mut self) {
        self.expect_clean = false;
        self.finish();
    }
}

/// The lines of a log that tell of a bug.
pub fn errors(log: &str) -> Vec<String> {
    let is_error = |line: &&str| {
        let level = line.split_whitespace().take(3).any(|word| word == "ERROR");
        level || line.contains("panicked at")
    };
    log.lines().filter(is_error).map(str::to_owned).collect()
}

/// `TANDEM_BIN`, or what Cargo built for this test.
fn binary() -> OsString {
    std::env::var_os("TANDEM_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_tandem").into())
}

/// What an ended process leaves: its configuration, and its database where that is a file.
pub struct Ended(tempfile::TempDir);

fn folder_with(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("tandem.toml");
    std::fs::write(path, config).expect("config written");
    folder
}

fn whole_config(rest: &str) -> String {
    format!(
        r#"
[node]
name = "e2e"
workers = 2
shutdown_grace = "2s"

[[listen]]
uri = "sip:127.0.0.1:0;transport=udp"

[http]
listen = "127.0.0.1:0"
admin_token = "{ADMIN}"

[store]
url = "sqlite::memory:"

{rest}
"#
    )
}

/// `ready sip=<uri>[,<uri>…] http=<addr>`
fn ready(line: &str) -> (SocketAddr, SocketAddr) {
    let field = |name: &str| {
        line.split_whitespace()
            .find_map(|word| word.strip_prefix(name))
            .unwrap_or_else(|| panic!("no {name} in `{line}`"))
    };
    let uri = field("sip=").split(',').next().expect("one URI");
    let address = uri.trim_start_matches("sip:").split(';').next();
    let sip = address.and_then(|address| address.parse().ok());
    let http = field("http=").trim_start_matches("http://").parse().ok();
    match (sip, http) {
        (Some(sip), Some(http)) => (sip, http),
        _ => panic!("the ready line is not as promised: `{line}`"),
    }
}
