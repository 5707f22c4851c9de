//! A running `tandem serve`, for the tests that use the program as a user does.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_tandem");

/// Ended with its value.
pub struct Server {
    child: Child,
    /// The line by which it said that it is ready.
    ready: String,
}

#[allow(dead_code, reason = "each test program uses its part")]
impl Server {
    /// Runs the program with these words in a folder, until it is ready.
    pub fn start(folder: &Path, words: &[&str]) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(words)
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let mut ready = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout)
            .read_line(&mut ready)
            .expect("the ready line");
        Self { child, ready }
    }

    fn after(&self, mark: &str) -> &str {
        let rest = self.ready.split(mark).nth(1).expect("as the contract says");
        let end = rest.find([';', ',', ' ', '\n']).unwrap_or(rest.len());
        &rest[..end]
    }

    /// Where it takes SIP.
    pub fn sip(&self) -> SocketAddr {
        self.after("sip=sip:").parse().expect("an address")
    }

    /// Where its API is: host and port.
    pub fn http(&self) -> &str {
        self.after("http=")
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.http())
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Ends it as systemd does.
    pub fn stop(mut self) -> ExitStatus {
        let kill = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        assert!(kill.expect("kill runs").success());
        self.child.wait().expect("it ends")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
