//! A program in a terminal of its own: `script` gives it a pty, and what it prints comes to us byte by byte.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

pub const PATIENCE: Duration = Duration::from_secs(30);

/// The terminal and what was printed so far.
pub struct Terminal {
    pub child: Child,
    heard: Receiver<Vec<u8>>,
    seen: Vec<u8>,
}

#[allow(dead_code, reason = "each test program uses its part")]
impl Terminal {
    /// Runs a line of shell in a terminal of this width. `$$` in it is told as `pid=`, and becomes what is `exec`uted.
    pub fn start(columns: usize, line: &str, environment: &[(&str, &str)]) -> Self {
        let inside = format!("stty cols {columns} rows 12; echo pid=$$.; {line}");
        let mut child = Command::new("script")
            .args(["-qec", &inside, "/dev/null"])
            .envs([("TERM", "xterm"), ("SHELL", "/bin/sh")])
            .envs(environment.iter().copied())
            .env_remove("NO_COLOR")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script runs");
        let mut stdout = child.stdout.take().expect("piped");
        let (sender, heard) = sync_channel(1024);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = stdout.read(&mut buffer) {
                let _ = sender.send(buffer[..length].to_vec());
            }
        });
        Self {
            child,
            heard,
            seen: Vec::new(),
        }
    }

    pub fn seen(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }

    /// Reads on until a text has been printed so many times.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str, times: usize) {
        let started = Instant::now();
        while self.seen().matches(text).count() < times {
            let left = PATIENCE.saturating_sub(started.elapsed());
            match self.heard.recv_timeout(left) {
                Ok(bytes) => self.seen.extend(bytes),
                Err(_) => panic!("no {text:?} in {:?}", self.seen()),
            }
        }
    }

    /// All that was printed, once it has ended; and its exit code.
    #[track_caller]
    pub fn ended(mut self) -> (String, Option<i32>) {
        let started = Instant::now();
        let status = loop {
            match self.child.try_wait().expect("it is a child") {
                Some(status) => break status,
                None if started.elapsed() > PATIENCE => {
                    let _ = self.child.kill();
                    panic!("it does not end: {:?}", self.seen());
                }
                None => thread::sleep(Duration::from_millis(20)),
            }
        };
        while let Ok(bytes) = self.heard.recv_timeout(PATIENCE) {
            self.seen.extend(bytes);
        }
        (self.seen(), status.code())
    }

    /// The process of the shell, or of the program that it has become.
    pub fn pid(&self) -> String {
        let seen = self.seen();
        let after = seen.split("pid=").nth(1);
        let pid = after.and_then(|rest| rest.split('.').next());
        pid.expect("it told").to_owned()
    }

    pub fn press(&mut self, keys: &str) {
        let stdin = self.child.stdin.as_mut().expect("piped");
        stdin
            .write_all(keys.as_bytes())
            .and_then(|()| stdin.flush())
            .expect("typed");
    }
}
