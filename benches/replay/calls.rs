//! Calls through the core, with bodies as SIPp sends them: INVITE, 180, 200, ACK, BYE, 200.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tandem::balance::Ledger;
use tandem::base::transmit::ListenerId;
use tandem::config;
use tandem::proxy::{Core, Input, Output, ShardId};

const CONFIG: &str = r#"
[[listen]]
uri = "sip:127.0.0.9:5060;transport=udp"
[trust]
rate = { per_source_cps = 1000000, burst = 1000000 }
[probe]
mode = "off"
[[group]]
name = "pbx"
[[peer]]
name = "a"
uri = "sip:127.0.0.11:5060"
capacity = { calls = 500000 }
[[peer]]
name = "b"
uri = "sip:127.0.0.12:5060"
capacity = { calls = 500000 }
[[peer]]
name = "c"
uri = "sip:127.0.0.13:5060"
capacity = { calls = 500000 }
[[peer]]
name = "d"
uri = "sip:127.0.0.14:5060"
capacity = { calls = 500000 }
"#;

const SDP: &str = "v=0\r\no=bench 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";
const CALLER: &str = "127.0.0.1:5071";
const EMPTY: &str = "Content-Length: 0\r\n\r\n";

/// A core, and what is around it.
pub struct Replay {
    pub core: Core,
    now: Instant,
}

impl Replay {
    pub fn new() -> Self {
        let system = config::System { folder: "".into() };
        let config = config::parse("replay.toml", CONFIG.as_bytes(), &system).expect("valid");
        let now = Instant::now();
        let ledger =
            Ledger::new(&config::topology(&config, &HashMap::new()), 1, now).expect("valid");
        let listeners = config
            .listeners
            .iter()
            .map(|l| config::listener(l, l.address))
            .collect();
        let mut setup = config::setup(&config, ledger.directory(), listeners);
        (setup.shards, setup.secret) = (1, [7; 16]);
        let core = Core::new(
            now,
            1_700_000_000_000,
            ShardId(0),
            7,
            Arc::new(setup),
            ledger,
        );
        Self { core, now }
    }

    /// Hands in a datagram; the last one that was sent.
    fn exchange(&mut self, source: SocketAddr, text: &str) -> Option<(SocketAddr, String)> {
        self.now += Duration::from_micros(100);
        self.core.handle(
            self.now,
            Input::Datagram {
                listener: ListenerId(0),
                source,
                bytes: text.as_bytes(),
            },
        );
        self.outputs()
    }

    fn outputs(&mut self) -> Option<(SocketAddr, String)> {
        let mut last = None;
        while let Some(output) = self.core.poll_output() {
            if let Output::Transmit(transmit) = output {
                let text = String::from_utf8_lossy(&transmit.payload).into_owned();
                last = Some((transmit.destination, text));
            }
        }
        if self.core.poll_timeout().is_some_and(|at| at <= self.now) {
            self.core.handle(self.now, Input::Timeout);
            while self.core.poll_output().is_some() {}
        }
        last
    }

    /// Lets time pass, and all timers with it.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.core.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.core.handle(self.now, Input::Timeout);
            while self.core.poll_output().is_some() {}
        }
        self.now = end;
    }

    /// Sets a call up, and ends it.
    pub fn call(&mut self, number: usize) {
        let up = self.set_up(number);
        self.end(&up);
    }

    /// Sets a call up.
    pub fn set_up(&mut self, number: usize) -> Up {
        let caller: SocketAddr = CALLER.parse().expect("an address");
        let length = SDP.len();
        let body =
            format!("Content-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n{SDP}");
        let invite = head(number, "INVITE", "sip:bench@127.0.0.9:5060", 1, "", "") + &body;
        let (peer, at_peer) = self.exchange(caller, &invite).expect("an INVITE");
        let ringing = response(&at_peer, "180 Ringing", peer, EMPTY);
        self.exchange(peer, &ringing).expect("a 180");
        let (_, ok) = self
            .exchange(peer, &response(&at_peer, "200 OK", peer, &body))
            .expect("a 200");
        let up = Up {
            number,
            caller,
            peer,
            routes: lines(&ok, "Record-Route")
                .map(|l| l.replace("Record-Route", "Route") + "\r\n")
                .collect(),
        };
        self.exchange(caller, &up.request("ACK", 1))
            .expect("an ACK");
        up
    }

    /// The caller hangs up.
    pub fn end(&mut self, up: &Up) {
        let (_, bye) = self
            .exchange(up.caller, &up.request("BYE", 2))
            .expect("a BYE");
        self.exchange(up.peer, &response(&bye, "200 OK", up.peer, EMPTY))
            .expect("a 200");
    }
}

/// A call that is up.
pub struct Up {
    number: usize,
    caller: SocketAddr,
    peer: SocketAddr,
    routes: String,
}

impl Up {
    /// The caller's request within the dialog.
    fn request(&self, method: &str, cseq: u32) -> String {
        let uri = format!("sip:bench@{}", self.peer);
        let tag = format!(";tag=uas1x{}", self.number);
        head(self.number, method, &uri, cseq, &tag, &self.routes) + EMPTY
    }
}

/// A request of the caller's, without its Content-Length and body.
fn head(number: usize, method: &str, uri: &str, cseq: u32, to: &str, routes: &str) -> String {
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {CALLER};branch=z9hG4bK-{number}-{method}\r\nMax-Forwards: 70\r\n{routes}From: caller <sip:caller@{CALLER}>;tag=uac1x{number}\r\nTo: bench <sip:bench@127.0.0.9:5060>{to}\r\nCall-ID: {number}-4711@127.0.0.1\r\nCSeq: {cseq} {method}\r\nContact: <sip:caller@{CALLER}>\r\nSubject: Load balancer bench\r\n"
    )
}

fn lines<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines().filter(move |line| line.starts_with(name))
}

fn response(request: &str, status: &str, peer: SocketAddr, rest: &str) -> String {
    let mut out = format!("SIP/2.0 {status}\r\n");
    for name in ["Via:", "Record-Route:", "From:", "To:", "Call-ID:", "CSeq:"] {
        for line in lines(request, name) {
            out += line;
            if name == "To:" && !line.contains("tag=") {
                out += &lines(request, "From:")
                    .next()
                    .map_or(String::new(), |from| {
                        format!(";tag=uas{}", from.rsplit("uac").next().unwrap_or_default())
                    });
            }
            out += "\r\n";
        }
    }
    out + &format!("Contact: <sip:bench@{peer}>\r\n") + rest
}
