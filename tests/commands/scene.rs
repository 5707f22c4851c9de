//! A running server with the names that the pages use, and the files beside it.

use std::collections::HashMap;
use std::net::UdpSocket;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use crate::pages::Shown;
use crate::root;
use crate::server::{PROGRAM, Server};

const TOKEN: &str = "secret";
/// What clients may end with where all is well: the answer may be no.
const NO: i32 = 6;

pub struct Scene {
    server: Server,
    folder: tempfile::TempDir,
}

impl Scene {
    pub fn start() -> Self {
        let pbx = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").expect("a free port"));
        let port = |at: usize| pbx[at].local_addr().expect("an address").port();
        let config = format!(
            "[[listen]]\nuri = \"sip:127.0.0.1:0\"\n[http]\nlisten = \"127.0.0.1:0\"\nadmin_token = \"{TOKEN}\"\n\
             [probe]\nmode = \"off\"\n[store]\nurl = \"sqlite::memory:\"\n\
             [node]\nshutdown_grace = \"1s\"\n\
             [trust]\nsources = [\"127.0.0.0/8\", \"192.0.2.0/24\"]\n\
             [[peer]]\nname = \"pbx-a\"\nuri = \"sip:127.0.0.1:{}\"\nfeedback = {{ token = \"{TOKEN}\" }}\n\
             capacity = {{ calls = 500, pstn = 50 }}\n\
             [[peer]]\nname = \"carrier-3\"\nuri = \"sip:127.0.0.1:{}\"\ncapacity = {{ calls = 0 }}\n",
            port(0),
            port(1),
        );
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("config")).expect("made");
        for name in ["tandem.toml", "config/tandem.toml"] {
            std::fs::write(folder.path().join(name), &config).expect("written");
        }
        let server = Server::start(folder.path(), &["serve"]);
        pbx.into_iter()
            .for_each(|pbx| drop(thread::spawn(move || ring(&pbx))));
        let scene = Self { server, folder };
        scene.table("load_balancer.txt", "id | group_id");
        scene.table("dispatcher.list", "# setid");
        scene
    }

    /// A file that a page of migration shows.
    fn table(&self, name: &str, starts: &str) {
        let page = std::fs::read_to_string(root().join("docs/MIGRATING.md")).expect("it is there");
        let at = page
            .find(&format!("```text\n{starts}"))
            .expect("it is shown");
        let table = page[at..]
            .split("```")
            .nth(1)
            .and_then(|block| block.strip_prefix("text\n"));
        std::fs::write(self.folder.path().join(name), table.expect("a block")).expect("written");
    }

    /// Runs a command as it is shown, with what stands for a name put in its place.
    #[track_caller]
    pub fn run(&self, shown: &Shown, words: &[&str]) {
        let words: Vec<String> = words.iter().map(|word| self.meant(word)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let place = format!("{}: {}", shown.path, shown.text);
        if words.first() == Some(&"serve") && words.len() > 1 {
            let status = Server::start(self.folder.path(), &words).stop();
            return assert!(status.success(), "{place}");
        }
        // A command that wants more than the page names is only spoken of.
        let spoken_of = ["import", "explain", "serve", "completions", "demo"];
        let help = words.len() == 1 && spoken_of.contains(&words[0]);
        let mut all = words.clone();
        all.extend(help.then_some("--help"));
        let output = self.tandem(&all);
        let code = output.status.code();
        let said = String::from_utf8_lossy(&output.stderr);
        let answered = code == Some(0) || (code == Some(NO) && words[0] == "explain");
        assert!(answered, "{place}: {code:?} {said}");
        if shown.text.contains(" > tandem.toml") {
            // What the next line checks.
            std::fs::write(self.folder.path().join("tandem.toml"), &output.stdout)
                .expect("written");
        }
        // A drain that is waited for must not wait for what was only shown.
        let list = self.tandem(&["calls", "list", "--json"]);
        let list: serde_json::Value = serde_json::from_slice(&list.stdout).expect("JSON");
        for call in list["calls"].as_array().expect("a list") {
            self.tandem(&["calls", "end", call["id"].as_str().expect("an id")]);
        }
        for again in ["pbx-a", "carrier-3"] {
            assert!(self.tandem(&["peers", "enable", again]).status.success());
        }
    }

    fn meant(&self, word: &str) -> String {
        match word {
            "ID" => self.call(),
            "NAME" | "$PEER" => "pbx-a".to_owned(),
            "/etc/tandem/tandem.toml" => "config/tandem.toml".to_owned(),
            word => word.trim_matches('\'').to_owned(),
        }
    }

    /// The id of a live call.
    fn call(&self) -> String {
        let phone = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let me = phone.local_addr().expect("an address");
        let id = format!("{me}");
        let invite = format!(
            "INVITE sip:100@pbx SIP/2.0\r\nVia: SIP/2.0/UDP {me};branch=z9hG4bK1\r\nMax-Forwards: 70\r\n\
             From: <sip:a@{me}>;tag=1\r\nTo: <sip:100@pbx>\r\nCall-ID: {id}\r\nCSeq: 1 INVITE\r\n\
             Contact: <sip:a@{me}>\r\nContent-Length: 0\r\n\r\n"
        );
        phone
            .send_to(invite.as_bytes(), self.server.sip())
            .expect("sent");
        let started = Instant::now();
        loop {
            let list = self.tandem(&["calls", "list", "--json"]);
            let list: serde_json::Value = serde_json::from_slice(&list.stdout).expect("JSON");
            let calls = list["calls"].as_array().expect("a list");
            if let Some(call) = calls.iter().find(|call| call["call_id"] == id.as_str()) {
                return call["id"].as_str().expect("an id").to_owned();
            }
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "no call: {list}"
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn tandem(&self, words: &[&str]) -> Output {
        let mut command = Command::new(PROGRAM);
        command
            .args(words)
            .current_dir(self.folder.path())
            .env("TANDEM_URL", self.server.url())
            .env("TANDEM_ADMIN_TOKEN", TOKEN);
        command.output().expect("it runs")
    }

    /// Sends a request as it is shown, to where the server is; a stream is listened to for a second.
    #[track_caller]
    pub fn request(&self, shown: &Shown) {
        let here = shown.text.replace("127.0.0.1:8080", self.server.http());
        let stream = here.contains("/v1/events");
        let patience = if stream { 1 } else { 20 };
        let quiet = format!("curl -sS --fail-with-body --noproxy '*' --max-time {patience} ");
        let line = here.replacen("curl ", &quiet, 1);
        let mut command = Command::new("sh");
        command
            .args(["-c", &line])
            .env("PBX_A_TOKEN", TOKEN)
            .env("TANDEM_ADMIN_TOKEN", TOKEN);
        let output = command.output().expect("sh runs");
        let code = output.status.code();
        // 28: its time was over.
        let well = code == Some(0) || (stream && code == Some(28));
        let said = String::from_utf8_lossy(&output.stderr);
        let got = String::from_utf8_lossy(&output.stdout);
        assert!(well, "{}: {line}: {code:?} {said}{got}", shown.path);
    }
}

/// A PBX at which every call rings until it is cancelled; as long as the test runs.
fn ring(pbx: &UdpSocket) {
    let mut buffer = [0; 4096];
    let mut invites = HashMap::new();
    let call_id = |request: &str| {
        let mut lines = request.lines();
        lines
            .find(|line| line.starts_with("Call-ID:"))
            .map(str::to_owned)
    };
    while let Ok((length, from)) = pbx.recv_from(&mut buffer) {
        let request = String::from_utf8_lossy(&buffer[..length]).into_owned();
        let answer = |request: &str, status: &str| {
            let (_, headers) = request.split_once("\r\n").expect("a first line");
            let answer = format!("SIP/2.0 {status}\r\n{headers}");
            pbx.send_to(answer.as_bytes(), from).expect("sent");
        };
        match request.split(' ').next() {
            Some("INVITE") => {
                answer(&request, "180 Ringing");
                invites.insert(call_id(&request), request);
            }
            Some("CANCEL") => {
                answer(&request, "200 OK");
                if let Some(invite) = invites.remove(&call_id(&request)) {
                    answer(&invite, "487 Request Terminated");
                }
            }
            _ => {}
        }
    }
}
