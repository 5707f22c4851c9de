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
        let (calls, cps) = (load.calls.to_string(), load.cps.to_string());
        let hold = load.hold.as_millis().to_string();
        let limit = (load.calls + 1).to_string();
        let more = [
            &server.to_string(),
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

    pub fn has_ended(&mut self) -> bool {
        self.process.ended().is_some()
    }

    /// The statistics so far; they are written once a second and at the end.
    pub fn count(&self) -> Count {
        let table = std::fs::read_to_string(self.folder.path().join("stat.csv"));
        let table = table.unwrap_or_default();
        let mut lines = table.lines();
        let names: Vec<&str> = lines.next().unwrap_or("").split(';').collect();
        let last: Vec<&str> = lines.next_back().unwrap_or("").split(';').collect();
        let value = |wanted: &str| {
            let at = names.iter().position(|&name| name == wanted);
            at.and_then(|at| last.get(at)?.parse().ok()).unwrap_or(0)
        };
        Count {
            successful: value("SuccessfulCall(C)"),
            failed: value("FailedCall(C)"),
        }
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
