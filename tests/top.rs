//! `tandem top`, in a terminal of its own and without one.

#[path = "shared/server.rs"]
mod server;
#[path = "shared/terminal.rs"]
mod terminal;

use std::path::PathBuf;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use server::PROGRAM;
use terminal::{PATIENCE, Terminal};

/// To the other screen, and back with the cursor.
const ENTER: &str = "\x1b[?1049h";
const LEAVE: &str = "\x1b[?1049l\x1b[?25h";

/// A server of two peers, one of them disabled.
struct Scene {
    server: server::Server,
    url: String,
    _folder: tempfile::TempDir,
}

impl Scene {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = "[node]\nname = \"under-test\"\n[[listen]]\nuri = \"sip:127.0.0.1:0\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
                      [store]\nurl = \"sqlite::memory:\"\n[probe]\nmode = \"off\"\n\
                      [[peer]]\nname = \"pbx-a\"\nuri = \"sip:127.0.0.1:9\"\ncapacity = { calls = 5 }\n\
                      [[peer]]\nname = \"pbx-b\"\nuri = \"sip:127.0.0.2:9\"\n";
        std::fs::write(folder.path().join("tandem.toml"), config).expect("written");
        let server = server::Server::start(folder.path(), &["serve", "--config", "tandem.toml"]);
        let url = server.url();
        let scene = Self {
            server,
            url,
            _folder: folder,
        };
        assert!(scene.run(&["peers", "disable", "pbx-b"]).status.success());
        scene
    }

    fn run(&self, words: &[&str]) -> Output {
        let mut command = Command::new(PROGRAM);
        command
            .args(words)
            .env("TANDEM_URL", &self.url)
            .output()
            .expect("it runs")
    }

    /// `tandem top` in a terminal of this width; the process of the shell becomes it.
    fn terminal(&self, columns: usize) -> Terminal {
        let line = format!("exec {PROGRAM} top");
        Terminal::start(columns, &line, &[("TANDEM_URL", &self.url)])
    }
}

/// The lines of the last frame, without what steers the terminal.
fn frame(terminal: &Terminal) -> Vec<String> {
    let seen = terminal.seen();
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

#[test]
fn a_terminal_shows_the_table_anew_each_second_and_gets_its_screen_back() {
    let scene = Scene::start();
    for columns in [80, 60, 30] {
        let mut terminal = scene.terminal(columns);
        terminal.wait_for("q quits", 3);
        let frame = frame(&terminal);
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
    let scene = Scene::start();
    let mut terminal = scene.terminal(80);
    terminal.wait_for("q quits", 1);
    terminal.press("\x03");
    let (seen, code) = terminal.ended();
    assert!(seen.contains(LEAVE), "{seen:?}");
    assert_eq!(code, Some(0));

    for signal in ["-TERM", "-HUP", "-INT"] {
        // The shell stays, and tells how it finds its terminal.
        let line = format!("sh -c 'echo pid=$$.; exec {PROGRAM} top'; stty -a");
        let mut terminal = Terminal::start(80, &line, &[("TANDEM_URL", &scene.url)]);
        terminal.wait_for("q quits", 1);
        let seen = terminal.seen();
        let pid = seen
            .split("pid=")
            .nth(2)
            .and_then(|rest| rest.split('.').next());
        let kill = Command::new("kill")
            .args([signal, pid.expect("it told")])
            .status();
        assert!(kill.expect("kill runs").success());
        let (seen, _) = terminal.ended();
        let (_, after) = seen
            .split_once(LEAVE)
            .unwrap_or_else(|| panic!("{signal}: {seen:?}"));
        for cooked in ["icanon", "echo", "isig", "opost"] {
            let restored = after.split_whitespace().any(|word| word == cooked);
            assert!(restored, "{signal}: no {cooked} in {after:?}");
        }
    }
}

#[test]
fn a_terminal_that_goes_away_ends_it() {
    let scene = Scene::start();
    let mut terminal = scene.terminal(80);
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
    let mut scene = Scene::start();
    let mut terminal = scene.terminal(80);
    terminal.wait_for("q quits", 1);
    scene.server.kill();
    terminal.wait_for("no server at", 1);
    terminal.wait_for("q quits", 4);
    let frame = frame(&terminal);
    assert!(frame.iter().any(|line| line.contains("pbx-a")), "{frame:?}");
    terminal.press("q");
    assert!(terminal.ended().0.contains(LEAVE));
}

#[test]
fn without_a_terminal_it_prints_once_without_any_steering() {
    let scene = Scene::start();
    for words in [&["top"][..], &["top", "--once"]] {
        let output = scene.run(words);
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
    let output = scene.run(&["top", "--json"]);
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
