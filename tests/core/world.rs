//! One core, its clock, and what it has sent.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tandem::balance::{EndCause, Ledger, PeerView};
use tandem::base::transmit::ListenerId;
use tandem::call::CallRecord;
use tandem::config;
use tandem::proxy::{
    Answer, Census, Command, Core, Excess, Input, Notice, Output, Persist, Setup, ShardId, Stats,
};

use crate::text::Text;

/// Three peers of capacity 10, no probes, failover as by default.
pub const THREE_PEERS: &str = r#"
[[listen]]
uri = "sip:127.0.0.9:5060;transport=udp"
[probe]
mode = "off"
[[group]]
name = "pbx"
select = "priority"
exhausted = []
[[peer]]
name = "a"
uri = "sip:127.0.0.11:5060"
capacity = { calls = 2 }
priority = 1
[[peer]]
name = "b"
uri = "sip:127.0.0.12:5060"
capacity = { calls = 2 }
priority = 2
[[peer]]
name = "c"
uri = "sip:127.0.0.13:5060"
capacity = { calls = 2 }
priority = 3
"#;

/// Addresses of the peers of [`THREE_PEERS`].
pub const A: &str = "127.0.0.11:5060";
/// See [`A`].
pub const B: &str = "127.0.0.12:5060";
/// See [`A`].
pub const C: &str = "127.0.0.13:5060";

/// A core in a world without sockets and clocks.
pub struct World {
    core: Core,
    pub ledger: Arc<Ledger>,
    pub now: Instant,
    sent: VecDeque<(SocketAddr, Text)>,
    pub notices: Vec<Notice>,
    pub resolves: Vec<(u64, String)>,
    answers: Vec<Answer>,
    pub rows: Vec<Persist>,
}

impl World {
    pub fn new(toml: &str) -> Self {
        Self::later(toml, 0)
    }

    /// A process that starts so many milliseconds after the others; the secret is the same.
    pub fn later(toml: &str, after_ms: u64) -> Self {
        let config = parsed(toml);
        let now = Instant::now();
        let topology = config::topology(&config, &HashMap::new());
        let ledger = Ledger::new(&topology, 1, now).expect("a valid topology");
        let setup = setup(&config, &ledger);
        let core = Core::new(
            now,
            1_700_000_000_000 + after_ms,
            ShardId(0),
            7,
            Arc::new(setup),
            ledger.clone(),
        );
        let (sent, notices, resolves, answers, rows) = Default::default();
        Self {
            core,
            ledger,
            now,
            sent,
            notices,
            resolves,
            answers,
            rows,
        }
    }

    /// Reloads: the ledger first, then the core.
    pub fn reload(&mut self, toml: &str) {
        let config = parsed(toml);
        self.apply_to_ledger(toml);
        let setup = setup(&config, &self.ledger);
        self.input(Input::Setup(Arc::new(setup)));
    }

    /// The first half of a reload: the ledger knows, the core does not yet.
    pub fn apply_to_ledger(&mut self, toml: &str) {
        let topology = config::topology(&parsed(toml), &HashMap::new());
        let applied = self.ledger.apply(&topology, self.now);
        applied.expect("a valid topology");
    }

    /// Everything that the core holds.
    pub fn census(&self) -> Census {
        self.core.census()
    }

    /// When the core wants to be woken.
    pub fn due(&self) -> Option<Instant> {
        self.core.poll_timeout()
    }

    /// Hands the core a datagram.
    pub fn deliver(&mut self, from: &str, message: &str) {
        self.deliver_to(0, address(from), message.as_bytes());
    }

    /// Hands the core a datagram that came in by this listener.
    pub fn deliver_to(&mut self, listener: u16, source: SocketAddr, bytes: &[u8]) {
        self.input(Input::Datagram {
            listener: ListenerId(listener),
            source,
            bytes,
        });
    }

    /// Hands the core a datagram while these shares of the new calls are too many, and of them get no answer.
    pub fn press(&mut self, from: &str, message: &str, refused: f64, unanswered: f64) {
        self.input(Input::Pressed {
            listener: ListenerId(0),
            source: address(from),
            bytes: message.as_bytes(),
            excess: Excess {
                refused,
                unanswered,
            },
        });
    }

    /// Everything that was sent and not looked at.
    pub fn take_sent(&mut self) -> impl Iterator<Item = (SocketAddr, Text)> {
        std::mem::take(&mut self.sent).into_iter()
    }

    /// The rows of calls that a store would hold, of what was handed out since they were last asked for.
    pub fn saved(&mut self) -> Vec<CallRecord> {
        let mut rows = Vec::new();
        for row in self.rows.drain(..) {
            match row {
                Persist::Call(record) => rows.push(*record),
                Persist::Gone(id) => rows.retain(|row: &CallRecord| row.id != id.0),
            }
        }
        rows
    }

    /// Gives a datagram back as undeliverable.
    pub fn unreachable(&mut self, to: &str, message: &Text) {
        self.input(Input::Unreachable {
            destination: address(to),
            bytes: message.0.as_bytes(),
        });
    }

    /// Answers a question for the addresses of a host.
    pub fn resolve(&mut self, token: u64, addresses: &[&str]) {
        let addresses = addresses.iter().map(|text| address(text)).collect();
        self.input(Input::Resolved { token, addresses });
    }

    /// Lets time pass, timers firing as they are due.
    pub fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.core.poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.input(Input::Timeout);
        }
        self.now = until;
    }

    pub fn command(&mut self, command: Command) -> Answer {
        self.input(Input::Command { token: 1, command });
        self.answers.pop().expect("every command is answered")
    }

    pub fn stats(&mut self) -> Stats {
        match self.command(Command::Stats) {
            Answer::Stats(stats) => *stats,
            other => panic!("not stats: {other:?}"),
        }
    }

    fn input(&mut self, input: Input<'_>) {
        self.core.handle(self.now, input);
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Transmit(transmit) => {
                    let text = String::from_utf8_lossy(&transmit.payload).into_owned();
                    self.sent.push_back((transmit.destination, Text(text)));
                }
                Output::Resolve { token, host, .. } => self.resolves.push((token, host)),
                Output::Notice(notice) => self.notices.push(notice),
                Output::Persist(rows) => self.rows.extend(rows),
                Output::Answer { answer, .. } => self.answers.push(answer),
            }
        }
    }

    /// The next message that was sent, which has to be to `to` and of this kind.
    pub fn expect(&mut self, to: &str, kind: &str) -> Text {
        let (destination, text) = self
            .sent
            .pop_front()
            .unwrap_or_else(|| panic!("{kind} to {to}: nothing was sent"));
        assert_eq!(
            (destination, text.kind()),
            (address(to), kind),
            "{}",
            text.0
        );
        text
    }

    /// Nothing else has been sent.
    pub fn quiet(&self) {
        assert!(self.sent.is_empty(), "{:#?}", self.sent);
    }

    pub fn peer(&self, name: &str) -> PeerView {
        let view = self.ledger.view(self.now);
        view.into_iter()
            .find(|peer| &*peer.name == name)
            .unwrap_or_else(|| panic!("no peer {name}"))
    }

    /// Calls held by a peer.
    pub fn own(&self, name: &str) -> u64 {
        let peer = self.peer(name);
        peer.resources
            .iter()
            .find(|resource| &*resource.name == "calls")
            .map_or(0, |calls| calls.own)
    }

    /// How many slots of a peer came back for this cause.
    pub fn released(&self, name: &str, cause: EndCause) -> u64 {
        self.peer(name).released[cause.index()]
    }

    /// A call to the first peer, up and acknowledged: the INVITE as sent, as it arrived, and the 200 as it came back.
    pub fn call_up(&mut self, call_id: &str) -> (String, Text, Text) {
        let invite = crate::text::invite(call_id);
        self.deliver(crate::text::CALLER, &invite);
        let at_a = self.expect(A, "INVITE");
        self.deliver(
            A,
            &at_a.response("200 OK", "callee", &format!("Contact: <sip:100@{A}>\r\n")),
        );
        let ok = self.expect(crate::text::CALLER, "200");
        self.deliver(crate::text::CALLER, &ok.ack(&invite));
        self.expect(A, "ACK");
        self.quiet();
        (invite, at_a, ok)
    }

    /// All quiet: nothing held, everything that was granted came back, no transaction or timer left.
    pub fn at_rest(&mut self) {
        self.pass(Duration::from_secs(120));
        self.sent.clear();
        for peer in self.ledger.view(self.now) {
            assert!(
                peer.resources.iter().all(|resource| resource.own == 0),
                "{} still holds calls",
                peer.name
            );
            assert_eq!(
                peer.granted,
                peer.released.iter().sum::<u64>(),
                "{}: granted and released",
                peer.name
            );
            assert_eq!(
                peer.released[EndCause::Dropped.index()],
                0,
                "{}: dropped slots",
                peer.name
            );
        }
        assert_eq!(self.stats().transactions, 0);
    }
}

fn parsed(toml: &str) -> config::Config {
    let system = config::System { folder: "".into() };
    config::parse("test.toml", toml.as_bytes(), &system).expect("a valid configuration")
}

fn setup(config: &config::Config, ledger: &Ledger) -> Setup {
    let listeners = config.listeners.iter();
    let listeners = listeners
        .map(|listen| config::listener(listen, listen.address))
        .collect();
    let mut setup = config::setup(config, ledger.directory(), listeners);
    setup.shards = 1;
    setup.secret = [7; 16];
    setup
}

pub fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

impl World {
    /// The next message that was sent, of this kind, to whomever.
    pub fn expect_any(&mut self, kind: &str) -> (String, Text) {
        let (destination, text) = self
            .sent
            .pop_front()
            .unwrap_or_else(|| panic!("{kind}: nothing was sent"));
        assert_eq!(text.kind(), kind, "{}", text.0);
        (destination.to_string(), text)
    }
}

impl World {
    /// Whether the next message is to `to` and of this kind.
    pub fn next_is(&self, to: &str, kind: &str) -> bool {
        self.sent
            .front()
            .is_some_and(|(destination, text)| *destination == address(to) && text.kind() == kind)
    }

    /// Passes over the next message.
    pub fn skip(&mut self) {
        self.sent.pop_front();
    }

    /// Passes over all next messages that are any of these.
    pub fn skip_all(&mut self, kinds: &[(&str, &str)]) {
        while kinds.iter().any(|(to, kind)| self.next_is(to, kind)) {
            self.skip();
        }
    }
}
