//! `tandem top`, in a terminal of its own and without one.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tandem");
const PATIENCE: Duration = Duration::from_secs(30);
/// To the other screen, and back with the cursor.
const ENTER: &str = "\x1b[?1049h";
const LEAVE: &str = "\x1b[?1049l\x1b[?25h";

/// A server of two peers, one of them disabled.
struct Server {
    child: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = "[node]\nname = \"under-test\"\n[[listen]]\nuri = \"sip:127.0.0.1:0\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
                      [store]\nurl = \"sqlite::memory:\"\n[probe]\nmode = \"off\"\n\
                      [[peer]]\nname = \"pbx-a\"\nuri = \"sip:127.0.0.1:9\"\ncapacity = { calls = 5 }\n\
                      [[peer]]\nname = \"pbx-b\"\nuri = \"sip:127.0.0.2:9\"\n";
        std::fs::write(folder.path().join("tandem.toml"), config).expect("written");
        let mut child = Command::new(PROGRAM)
            .args(["serve", "--config", "tandem.toml"])
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let mut ready = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout)
            .read_line(&mut ready)
            .expect("the ready line");
        let http = ready
            .split("http=")
            .nth(1)
            .expect("as the contract says")
            .trim();
        let url = format!("http://{http}");
        let server = Self {
            child,
            url,
            _folder: folder,
        };
        assert!(server.run(&["peers", "disable", "pbx-b"]).status.success());
        server
    }

    fn run(&self, words: &[&str]) -> Output {
        let mut command = Command::new(PROGRAM);
        command
            .args(words)
            .env("TANDEM_URL", &self.url)
            .output()
            .expect("it runs")
    }

    /// `tandem top` in a terminal of this width; the process of `$$` becomes it.
    fn terminal(&self, columns: usize) -> Terminal {
        let inside = format!("stty cols {columns} rows 12; echo pid=$$.; exec {PROGRAM} top");
        let mut child = Command::new("script")
            .args(["-qec", &inside, "/dev/null"])
            .envs([
                ("TANDEM_URL", self.url.as_str()),
                ("TERM", "xterm"),
                ("SHELL", "/bin/sh"),
            ])
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
        Terminal {
            child,
            heard,
            seen: Vec::new(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Terminal {
    child: Child,
    heard: Receiver<Vec<u8>>,
    seen: Vec<u8>,
}

impl Terminal {
    fn seen(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }

    /// Reads on until a text has been printed so many times.
    #[track_caller]
    fn wait_for(&mut self, text: &str, times: usize) {
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
    fn ended(mut self) -> (String, Option<i32>) {
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

    /// The process of the program itself.
    fn pid(&self) -> String {
        let seen = self.seen();
        let after = seen.split("pid=").nth(1);
        let pid = after.and_then(|rest| rest.split('.').next());
        pid.expect("it told").to_owned()
    }

    fn press(&mut self, keys: &str) {
        let stdin = self.child.stdin.as_mut().expect("piped");
        stdin
            .write_all(keys.as_bytes())
            .and_then(|()| stdin.flush())
            .expect("typed");
    }

    /// The lines of the last frame, without what steers the terminal.
    fn frame(&self) -> Vec<String> {
        let seen = self.seen();
        let frames: Vec<&str> = seen.split("\x1b[H").collect();
        // The last may be cut off.
        let whole = frames[frames.len() - 2];
        let mut text = String::new();
        let mut rest = whole;
        while let Some(at) = rest.find('\x1b') {
            text.push_str(&rest[..at]);
            let end = rest[at + 1..].find(|c: char| c.is_ascii_alphabetic());
            rest = end.map_or("", |end| &rest[at + end + 2..]);
        }
        text.push_str(rest);
        text.split("\r\n").map(str::to_owned).collect()
    }
}

#[test]
fn a_terminal_shows_the_table_anew_each_second_and_gets_its_screen_back() {
    let server = Server::start();
    for columns in [80, 60, 30] {
        let mut terminal = server.terminal(columns);
        terminal.wait_for("q quits", 3);
        let frame = terminal.frame();
        assert!(frame.len() <= 12, "{frame:?}");
        assert!(
            frame.iter().all(|line| line.chars().count() <= columns),
            "{frame:?}"
        );
        assert!(frame[0].starts_with("under-test  ready"), "{frame:?}");
        let line = frame
            .iter()
            .find(|line| line.contains("pbx-b"))
            .expect("it is shown");
        assert!(line.contains("disa"), "{line}");
        if columns >= 60 {
            assert!(line.contains("disabled"), "{line}");
            assert!(
                frame.iter().any(|line| line.contains("takes calls")),
                "{frame:?}"
            );
        }
        assert!(terminal.seen().contains(ENTER));
        terminal.press("q");
        let (seen, code) = terminal.ended();
        assert!(seen.contains(LEAVE), "{seen:?}");
        assert_eq!(code, Some(0));
    }
}

#[test]
fn control_c_and_a_signal_give_the_screen_back_too() {
    let server = Server::start();
    let mut terminal = server.terminal(80);
    terminal.wait_for("q quits", 1);
    terminal.press("\x03");
    let (seen, code) = terminal.ended();
    assert!(seen.contains(LEAVE), "{seen:?}");
    assert_eq!(code, Some(0));

    let mut terminal = server.terminal(80);
    terminal.wait_for("q quits", 1);
    let kill = Command::new("kill")
        .arg(terminal.pid())
        .status()
        .expect("kill runs");
    assert!(kill.success());
    let (seen, _) = terminal.ended();
    assert!(seen.contains(LEAVE), "{seen:?}");
}

#[test]
fn a_terminal_that_goes_away_ends_it() {
    let server = Server::start();
    let mut terminal = server.terminal(80);
    terminal.wait_for("q quits", 1);
    let process = PathBuf::from("/proc").join(terminal.pid());
    assert!(process.exists());
    // Without a word to those inside: the kernel takes their terminal away.
    terminal.child.kill().expect("it runs");
    let _ = terminal.child.wait();
    let started = Instant::now();
    while process.exists() && started.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(20));
    }
    assert!(!process.exists(), "it runs on without a terminal");
}

#[test]
fn a_server_that_goes_away_is_told_of_and_the_last_table_stays() {
    let mut server = Server::start();
    let mut terminal = server.terminal(80);
    terminal.wait_for("q quits", 1);
    let _ = server.child.kill();
    terminal.wait_for("no server at", 1);
    terminal.wait_for("q quits", 4);
    let frame = terminal.frame();
    assert!(frame.iter().any(|line| line.contains("pbx-a")), "{frame:?}");
    terminal.press("q");
    assert!(terminal.ended().0.contains(LEAVE));
}

#[test]
fn without_a_terminal_it_prints_once_without_any_steering() {
    let server = Server::start();
    for words in [&["top"][..], &["top", "--once"]] {
        let output = server.run(words);
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(output.status.success(), "{text}");
        assert!(!text.contains('\x1b'), "{text:?}");
        let row = text
            .lines()
            .find(|line| line.starts_with(" pbx-a"))
            .expect("its row");
        assert!(row.contains("takes calls") && row.contains("0 %"), "{row}");
        assert!(text.contains("1 of 2 peers take calls"), "{text}");
    }
    let output = server.run(&["top", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["peers"][0]["name"], "pbx-a");
    assert_eq!(json["peers"][0]["failovers"], 0);
    assert_eq!(json["calls_per_second"], 0.0);
    assert_eq!(json["status"]["node"], "under-test");
}

#[test]
fn without_a_server_it_ends_with_3() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", free.local_addr().expect("an address"));
    drop(free);
    let output = Command::new(PROGRAM)
        .args(["top", "--url", &url])
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(3));
}
