//! `tandem peers`, `calls` and `explain`, run as a user runs them, against a running `tandem serve`.

#[path = "clients/drain.rs"]
mod drain;
#[path = "shared/server.rs"]
mod server;
#[path = "shared/terminal.rs"]
mod terminal;

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;
use server::{PROGRAM, Server};

const ADMIN: &str = "admin-secret";

/// A server with one PBX, played by a socket, and one that is configured to be nowhere.
struct Scene {
    _server: Server,
    sip: SocketAddr,
    url: String,
    pbx: UdpSocket,
    _folder: tempfile::TempDir,
}

impl Scene {
    fn start() -> Self {
        let pbx = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let patience = Some(Duration::from_secs(10));
        pbx.set_read_timeout(patience).expect("a timeout");
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("tandem.toml");
        let port = pbx.local_addr().expect("an address").port();
        let config = format!(
            "[node]\nshutdown_grace = \"1s\"\n[[listen]]\nuri = \"sip:127.0.0.1:0;transport=udp\"\n\
             [http]\nlisten = \"127.0.0.1:0\"\nadmin_token = \"{ADMIN}\"\n[probe]\nmode = \"off\"\n\
             [[group]]\nname = \"pbx\"\nselect = \"priority\"\n\
             [[peer]]\nname = \"pbx-a\"\nuri = \"sip:127.0.0.1:{port}\"\ncapacity = {{ calls = 5 }}\n\
             [[peer]]\nname = \"pbx-b\"\nuri = \"sip:127.0.0.1:9\"\npriority = 1\n\
             [[route]]\nmatch = {{ user = \"^9\" }}\nreject = 403\n[[route]]\ngroup = \"pbx\"\n"
        );
        std::fs::write(&file, config).expect("written");
        let file = file.to_str().expect("UTF-8");
        let server = Server::start(folder.path(), &["serve", "--config", file]);
        Self {
            sip: server.sip(),
            url: server.url(),
            _server: server,
            pbx,
            _folder: folder,
        }
    }

    /// Runs a client with the admin token; gives its exit code, and what it said.
    fn run(&self, arguments: &[&str]) -> Said {
        run(arguments, &self.url, Some(ADMIN))
    }

    /// A new call.
    fn invite(&self, call_id: &str) {
        let phone = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let me = phone.local_addr().expect("an address");
        let invite = format!(
            "INVITE sip:100@pbx SIP/2.0\r\nVia: SIP/2.0/UDP {me};branch=z9hG4bK{call_id}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:alice@{me}>;tag=1\r\nTo: <sip:100@pbx>\r\n\
             Call-ID: {call_id}\r\nCSeq: 1 INVITE\r\nContact: <sip:alice@{me}>\r\n\
             Content-Length: 0\r\n\r\n"
        );
        phone.send_to(invite.as_bytes(), self.sip).expect("sent");
    }

    /// A call that rings at the PBX. Gives the PBX's view of its INVITE.
    fn ring(&self, call_id: &str) -> String {
        self.invite(call_id);
        let (got, from) = self.receive("INVITE ");
        let head = got.strip_suffix("\r\n\r\n").expect("no body");
        let kept = head.lines().skip(1).filter(|line| {
            let name = line.split(':').next().unwrap_or_default();
            matches!(
                name,
                "Via" | "From" | "To" | "Call-ID" | "CSeq" | "Record-Route"
            )
        });
        let kept = kept.map(|line| match line.starts_with("To:") {
            true => format!("{line};tag=2\r\n"),
            false => format!("{line}\r\n"),
        });
        let kept: String = kept.collect();
        let ringing = format!("SIP/2.0 180 Ringing\r\n{kept}Content-Length: 0\r\n\r\n");
        self.pbx.send_to(ringing.as_bytes(), from).expect("sent");
        got
    }

    fn receive(&self, start: &str) -> (String, SocketAddr) {
        let mut buffer = [0; 4096];
        loop {
            let (length, from) = self.pbx.recv_from(&mut buffer).expect("in time");
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if text.starts_with(start) {
                return (text, from);
            }
        }
    }
}

struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    #[track_caller]
    fn well(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }

    /// The exit code, with what was said about it.
    #[track_caller]
    fn badly(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        assert!(self.err.contains("tandem: "), "{}", self.err);
        self.err
    }
}

fn run(arguments: &[&str], url: &str, token: Option<&str>) -> Said {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env("TANDEM_URL", url);
    command
        .env_remove("TANDEM_ADMIN_TOKEN")
        .env_remove("RUST_LOG");
    if let Some(token) = token {
        command.env("TANDEM_ADMIN_TOKEN", token);
    }
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("it runs");
    Said {
        code: status.code().expect("no signal ended it"),
        out: String::from_utf8(stdout).expect("UTF-8"),
        err: String::from_utf8(stderr).expect("UTF-8"),
    }
}

/// The words of the line that begins with this one.
#[track_caller]
fn words(text: &str, first: &str) -> Vec<String> {
    let line = text
        .lines()
        .find(|line| line.split_whitespace().next() == Some(first));
    let line = line.unwrap_or_else(|| panic!("no line of {first} in\n{text}"));
    line.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn peers_are_listed_and_changed() {
    let scene = Scene::start();
    let listed = scene.run(&["peers"]).well();
    assert_eq!(
        words(&listed, "pbx-a")[1..10],
        [
            "yes", "enabled", "unknown", "yes", "calls", "0", "0", "5", "5"
        ]
    );
    assert!(
        words(&listed, "pbx-b").contains(&"unlimited".to_owned()),
        "{listed}"
    );
    assert_eq!(scene.run(&["peers", "list"]).well(), listed);

    let disabled = scene.run(&["peers", "disable", "pbx-a"]).well();
    assert_eq!(words(&disabled, "pbx-a")[1..3], ["no", "disabled"]);
    let shown = scene.run(&["peers", "show", "pbx-a"]).well();
    assert!(words(&shown, "new").contains(&"no:".to_owned()), "{shown}");
    let enabled = scene.run(&["peers", "enable", "pbx-a"]).well();
    assert_eq!(words(&enabled, "pbx-a")[1..3], ["yes", "enabled"]);

    let resized = scene
        .run(&["peers", "resize", "pbx-a", "7", "--json"])
        .well();
    let resized: Value = serde_json::from_str(&resized).expect("JSON");
    assert_eq!(resized["resources"]["calls"]["capacity"], 7);
    let unlimited = scene
        .run(&["peers", "resize", "pbx-a", "calls=unlimited"])
        .well();
    assert!(
        words(&unlimited, "pbx-a").contains(&"unlimited".to_owned()),
        "{unlimited}"
    );
}

#[test]
fn calls_are_listed_shown_and_ended_and_a_drain_waits_for_them() {
    let scene = Scene::start();
    assert_eq!(scene.run(&["calls"]).well(), "No live call.\n");
    let none = "None since the server's start.\n";
    assert_eq!(scene.run(&["calls", "failed"]).well(), none);
    let invite = scene.ring("call-1");
    let listed = scene.run(&["calls", "list", "--peer", "pbx-a"]).well();
    let row = listed.lines().nth(1).expect("a call").split_whitespace();
    let row: Vec<&str> = row.collect();
    assert_eq!(row[1..4], ["ringing", "pbx-a", "pbx"], "{listed}");
    assert_eq!(row[7..], ["calls=1", "call-1"], "{listed}");
    for none in [["--state", "up"], ["--peer", "pbx-b"], ["--group", "none"]] {
        let listed = scene.run(&["calls", "list", none[0], none[1]]).well();
        assert_eq!(listed, "No live call.\n", "{none:?}");
    }
    let shown = scene.run(&["calls", "show", row[0]]).well();
    assert_eq!(words(&shown, "pbx-a"), ["pbx-a", "pending"]);

    let drain = ["peers", "drain", "pbx-a", "--wait", "--timeout", "1s"];
    let said = scene.run(&drain).badly(6);
    assert!(said.contains("1 call left after 1s"), "{said}");
    assert!(
        scene
            .run(&["calls", "end", row[0]])
            .well()
            .contains("being ended")
    );
    let (cancel, from) = scene.receive("CANCEL ");
    answer(&scene.pbx, from, &cancel, "200 OK");
    answer(&scene.pbx, from, &invite, "487 Request Terminated");
    let (_, started) = (
        scene.run(&["peers", "enable", "pbx-a"]).well(),
        Instant::now(),
    );
    let drained = scene.run(&["peers", "drain", "pbx-a", "--wait", "--timeout", "60s"]);
    assert!(
        drained.err.contains("pbx-a: drained, after"),
        "{}",
        drained.err
    );
    assert_eq!(words(&drained.well(), "pbx-a")[1..3], ["no", "draining"]);
    assert!(started.elapsed() < Duration::from_secs(50));
    scene.run(&["calls", "end", row[0]]).badly(4);
}

/// Answers a request as it came.
fn answer(pbx: &UdpSocket, from: SocketAddr, request: &str, status: &str) {
    let (_, headers) = request.split_once("\r\n").expect("a first line");
    let text = format!("SIP/2.0 {status}\r\n{headers}");
    pbx.send_to(text.as_bytes(), from).expect("sent");
}

#[test]
fn explain_says_where_a_call_goes_and_its_exit_code_whether() {
    let scene = Scene::start();
    let said = scene.run(&["explain", "sip:100@pbx"]).well();
    assert!(said.contains("to pbx-a of group pbx, by balance"), "{said}");
    assert!(words(&said, "pbx-b").len() > 2, "{said}");
    let said = scene.run(&["explain", "sip:900@pbx"]);
    assert!(said.out.contains("nowhere: 403"), "{}", said.out);
    said.badly(6);
    scene.run(&["explain", "not a uri"]).badly(1);
}

#[test]
fn every_failure_has_its_exit_code_and_says_what_to_do() {
    let scene = Scene::start();
    scene.run(&["peers", "show", "no-such"]).badly(4);
    scene.run(&["calls", "show", "../peers"]).badly(4);
    let usage = scene.run(&["peers", "resize", "pbx-a", "x"]);
    assert_eq!(usage.code, 2, "{}", usage.err);
    assert!(usage.err.contains("calls=300"), "{}", usage.err);
    let denied = run(&["peers", "drain", "pbx-a"], &scene.url, None).badly(5);
    assert!(denied.contains("TANDEM_ADMIN_TOKEN"), "{denied}");
    run(&["peers", "drain", "pbx-a"], &scene.url, Some("wrong")).badly(5);
    // A port that was just free, and is free again.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", free.local_addr().expect("an address"));
    drop(free);
    let nobody = run(&["peers"], &url, None).badly(3);
    let hint = format!("no server at {url}: is `tandem serve` running");
    assert!(nobody.contains(&hint), "{nobody}");
    run(&["peers"], "https://h", None).badly(2);
}

#[test]
fn what_an_operator_and_a_failing_pbx_do_are_events() {
    let scene = Scene::start();
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .proxy(None)
        .timeout_global(Some(Duration::from_secs(20)))
        .build()
        .into();
    let stream = agent.get(format!("{}/v1/events?since=0", scene.url)).call();
    let body = stream.expect("an answer").into_body().into_reader();
    let mut lines = BufReader::new(body)
        .lines()
        .map(|line| line.expect("in time"));
    let mut next = |kind: &str| -> Value {
        let event = format!("event: {kind}");
        assert!(
            lines.any(|line| line == event),
            "the stream ended before `{kind}`"
        );
        let data = lines.next().expect("an event has data");
        let data = data.strip_prefix("data: ").expect("an event has data");
        serde_json::from_str(data).expect("JSON")
    };
    scene.run(&["peers", "resize", "pbx-b", "3"]).well();
    let resized = next("peer");
    assert_eq!(resized["peer"], "pbx-b");
    let change = serde_json::json!({ "what": "capacity calls", "from": "unlimited", "to": "3" });
    assert_eq!(resized["changes"], serde_json::json!([change]));
    scene.run(&["peers", "disable", "pbx-a"]).well();
    let disabled = next("peer");
    assert_eq!(disabled["admin"], "disabled");
    assert_eq!(disabled["eligible"], false);
    // Nobody is at pbx-b: the network says so at once.
    scene.invite("call-2");
    let failed = next("failover");
    assert_eq!(
        (&failed["from"], &failed["to"]),
        (&"pbx-b".into(), &Value::Null)
    );
    assert_eq!(failed["reason"], "transport");
}
