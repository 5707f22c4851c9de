//! A table, a clock that only the test moves, and messages.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use slotmap::SlotMap;

use crate::base::transmit::ListenerId;
use crate::sip::{self, Index, Message, Method};
use crate::transaction::{
    Branch, ClientKey, ClientRequest, ContextKey, Durations, Event, Owner, Received, ServerKey,
    Transactions,
};

pub const LISTENER: ListenerId = ListenerId(3);

/// A table in virtual time, which begins at 0 ms.
pub struct World {
    pub table: Transactions,
    origin: Instant,
    now_ms: u64,
}

/// A client transaction of a test.
pub struct Sent {
    pub key: ClientKey,
    pub branch: Branch,
    pub method: &'static str,
}

/// What became of a response.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    Unknown,
    Absorbed,
    Passed(Owner),
}

impl World {
    pub fn new() -> Self {
        let origin = Instant::now();
        Self {
            table: Transactions::new(origin, Durations::default(), 42),
            origin,
            now_ms: 0,
        }
    }

    pub fn now(&self) -> Instant {
        self.at(self.now_ms)
    }

    pub fn at(&self, milliseconds: u64) -> Instant {
        self.origin + Duration::from_millis(milliseconds)
    }

    /// Sets the clock without telling the table.
    pub fn set_time(&mut self, milliseconds: u64) {
        self.now_ms = milliseconds;
    }

    /// Lets time pass up to `milliseconds`, waking the table exactly when it asks for it. Gives what was sent and what
    /// ended, each with its time, since the last look.
    pub fn run_to(&mut self, milliseconds: u64) -> Vec<String> {
        let mut seen = self.seen();
        while let Some(wake) = self
            .table
            .next_timeout()
            .filter(|wake| *wake <= self.at(milliseconds))
        {
            self.now_ms = self.now_ms.max((wake - self.origin).as_millis() as u64);
            self.table.handle_timeout(self.now());
            seen.extend(self.seen());
        }
        seen.extend(self.jump_to(milliseconds));
        seen
    }

    /// Jumps over all that lies between in one step.
    pub fn jump_to(&mut self, milliseconds: u64) -> Vec<String> {
        self.now_ms = milliseconds;
        self.table.handle_timeout(self.now());
        self.seen()
    }

    /// What was sent and what ended since the last look, as `500 INVITE`, `0 486` or `32000 TimedOut`.
    pub fn seen(&mut self) -> Vec<String> {
        let now = self.now_ms;
        let mut seen = Vec::new();
        while let Some(transmit) = self.table.poll_transmit() {
            assert_eq!(transmit.listener, LISTENER);
            seen.push(format!("{now} {}", title(&transmit.payload)));
        }
        while let Some(event) = self.table.poll_event() {
            seen.push(format!("{now} {}", name(event)));
        }
        seen
    }

    pub fn open_server(&mut self, request: &[u8]) -> ServerKey {
        let now = self.now();
        let table = &mut self.table;
        read(request, |message| {
            table
                .open_server(now, message, LISTENER, peer(), None)
                .expect("there is room")
        })
    }

    /// Has a 100 wait for `request`.
    pub fn trying(&mut self, key: ServerKey, at_ms: u64, request: &Request) {
        let at = self.at(at_ms);
        self.table.trying_at(key, at, request.bytes(), peer());
    }

    pub fn find_server(&mut self, request: &[u8]) -> Option<ServerKey> {
        read(request, |message| self.table.find_server(message))
    }

    /// A request from the network; `None` when it belongs to no transaction.
    pub fn receive(&mut self, request: &[u8]) -> Option<Received> {
        let now = self.now();
        let table = &mut self.table;
        read(request, |message| {
            let key = table.find_server(message)?;
            Some(table.receive(now, key, message))
        })
    }

    pub fn respond(&mut self, key: ServerKey, status: u16) -> bool {
        self.table
            .respond(self.now(), key, status, response(status))
    }

    pub fn send(&mut self, method: &'static str) -> Sent {
        self.send_over(method, false)
    }

    pub fn send_over(&mut self, method: &'static str, reliable: bool) -> Sent {
        let branch = self.table.mint_branch();
        let request = ClientRequest {
            listener: LISTENER,
            destination: peer(),
            branch,
            method: Method::of(method.as_bytes()),
            payload: Request::new(method).branch(branch.as_bytes()).bytes(),
            reliable,
        };
        let key = self
            .table
            .open_client(self.now(), request, owner())
            .expect("there is room");
        Sent {
            key,
            branch,
            method,
        }
    }

    /// A response from the network to a request of ours.
    pub fn hear(&mut self, sent: &Sent, status: u16) -> Heard {
        self.hear_for(&sent.branch, sent.method, status)
    }

    pub fn hear_for(&mut self, branch: &Branch, method: &str, status: u16) -> Heard {
        let response = Request::new(method)
            .branch(branch.as_bytes())
            .response(status, "peer");
        self.hear_bytes(&response)
    }

    pub fn hear_bytes(&mut self, response: &[u8]) -> Heard {
        let now = self.now();
        let table = &mut self.table;
        read(response, |message| match table.find_client(message) {
            None => Heard::Unknown,
            Some(key) => table
                .receive_response(now, key, message)
                .map_or(Heard::Absorbed, Heard::Passed),
        })
    }
}

/// The owner of everything that [`World::send`] sends.
pub fn owner() -> Owner {
    Owner::Context {
        key: context(),
        branch: 1,
    }
}

pub fn context() -> ContextKey {
    SlotMap::<ContextKey, ()>::with_key().insert(())
}

pub fn peer() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 9], 5062))
}

pub fn passed() -> Heard {
    Heard::Passed(owner())
}

pub fn read<R>(bytes: &[u8], act: impl FnOnce(&Message) -> R) -> R {
    let mut index = Index::new();
    let message = sip::parse(bytes, &mut index);
    act(&message.unwrap_or_else(|error| panic!("{error:?} in {}", String::from_utf8_lossy(bytes))))
}

fn response(status: u16) -> Bytes {
    Request::new("INVITE").response(status, "ours")
}

/// The method of a request, the status of a response.
pub fn title(payload: &[u8]) -> String {
    let text = String::from_utf8_lossy(payload);
    let mut words = text.split(' ');
    match words.next() {
        Some("SIP/2.0") => words.next().expect("a status").to_owned(),
        Some(method) => method.to_owned(),
        None => panic!("an empty datagram"),
    }
}

fn name(event: Event) -> String {
    let (name, owner) = match event {
        Event::TimedOut(_, owner) => ("TimedOut", Some(owner)),
        Event::TransportFailed(_, owner) => ("TransportFailed", Some(owner)),
        Event::ClientGone(_, owner) => ("ClientGone", Some(owner)),
        Event::NoAck(..) => ("NoAck", None),
        Event::ServerGone(..) => ("ServerGone", None),
    };
    match owner {
        Some(Owner::Cancel(key)) => {
            assert_eq!(key, context());
            format!("{name} of CANCEL")
        }
        Some(Owner::Context { .. } | Owner::Probe(_) | Owner::Own(_)) | None => name.to_owned(),
    }
}

/// The parts of a request that transactions look at.
#[derive(Clone)]
pub struct Request {
    pub method: String,
    pub uri: String,
    /// The top Via's value behind `SIP/2.0/UDP `.
    pub via: String,
    pub from_tag: String,
    pub to_tag: Option<String>,
    pub call_id: String,
    pub sequence: u32,
}

impl Request {
    pub fn new(method: &str) -> Self {
        Self {
            method: method.to_owned(),
            uri: "sip:bob@127.0.0.1".to_owned(),
            via: "127.0.0.9:5062;branch=z9hG4bKalpha".to_owned(),
            from_tag: "f1".to_owned(),
            to_tag: None,
            call_id: "call-1".to_owned(),
            sequence: 1,
        }
    }

    /// From an endpoint older than RFC 3261, whose branch says nothing.
    pub fn legacy(method: &str) -> Self {
        Self {
            via: "127.0.0.9:5062;branch=1".to_owned(),
            ..Self::new(method)
        }
    }

    pub fn branch(self, branch: &[u8]) -> Self {
        let via = format!("127.0.0.1:5060;branch={}", String::from_utf8_lossy(branch));
        Self { via, ..self }
    }

    pub fn tagged(self, tag: &str) -> Self {
        Self {
            to_tag: Some(tag.to_owned()),
            ..self
        }
    }

    pub fn bytes(&self) -> Bytes {
        self.message(
            &format!("{} {} SIP/2.0", self.method, self.uri),
            self.to_tag.as_deref(),
        )
    }

    /// A response to this request, with its own tag in To unless the request has one.
    pub fn response(&self, status: u16, tag: &str) -> Bytes {
        self.message(
            &format!("SIP/2.0 {status} Whatever"),
            Some(self.to_tag.as_deref().unwrap_or(tag)),
        )
    }

    fn message(&self, start: &str, to_tag: Option<&str>) -> Bytes {
        let tag = to_tag.map(|tag| format!(";tag={tag}")).unwrap_or_default();
        let Self {
            method,
            via,
            from_tag,
            call_id,
            sequence,
            ..
        } = self;
        Bytes::from(format!(
            "{start}\r\nVia: SIP/2.0/UDP {via}\r\nFrom: <sip:a@127.0.0.9>;tag={from_tag}\r\nTo: <sip:bob@127.0.0.1>{tag}\r\n\
             Call-ID: {call_id}\r\nCSeq: {sequence} {method}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        ))
    }
}
