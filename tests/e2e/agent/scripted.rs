//! An agent that does only what its test says, message by message.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::text::{Msg, response};
use super::wire::Wire;
use crate::harness::net::fresh_ip;

/// How long a message may take that must come.
const COMES: Duration = Duration::from_secs(3);

/// A scripted agent on an address of its own.
pub struct Agent {
    wire: Wire,
    waiting: VecDeque<Msg>,
    name: &'static str,
}

impl Agent {
    pub fn new(name: &'static str) -> Self {
        Self {
            wire: Wire::bind(fresh_ip(), 5060),
            waiting: VecDeque::new(),
            name,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.wire.address
    }

    pub fn send(&mut self, to: SocketAddr, bytes: &[u8]) {
        self.wire.send(to, bytes);
    }

    /// Answers a request to where it came from.
    pub fn reply(
        &mut self,
        request: &Msg,
        status: u16,
        to_tag: Option<&str>,
        extra: &[&str],
        body: &str,
    ) {
        let bytes = response(request, status, to_tag, extra, body);
        self.wire.send(request.from, &bytes);
    }

    /// Answers an INVITE with a Contact of our own.
    pub fn reply_invite(&mut self, request: &Msg, status: u16, to_tag: &str) {
        let contact = format!("Contact: <sip:pbx@{}>", self.address());
        self.reply(request, status, Some(to_tag), &[&contact], "");
    }

    /// The next request of a method; others wait their turn.
    #[track_caller]
    pub fn request(&mut self, method: &str) -> Msg {
        self.expect(method, |msg| msg.is_request() && msg.method() == method)
    }

    /// The next response with this status to this method; others wait their turn.
    #[track_caller]
    pub fn status(&mut self, status: u16, method: &str) -> Msg {
        self.expect(&format!("{status} to {method}"), |msg| {
            msg.status() == status && msg.method() == method
        })
    }

    /// The next final response to this method.
    #[track_caller]
    pub fn last_word(&mut self, method: &str) -> Msg {
        self.expect(&format!("final response to {method}"), |msg| {
            msg.status() >= 200 && msg.method() == method
        })
    }

    #[track_caller]
    fn expect(&mut self, what: &str, wanted: impl Fn(&Msg) -> bool) -> Msg {
        let end = Instant::now() + COMES;
        loop {
            if let Some(at) = self.waiting.iter().position(&wanted) {
                return self.waiting.remove(at).expect("position is in range");
            }
            let left = end.saturating_duration_since(Instant::now());
            let starts: Vec<&str> = self.waiting.iter().map(|m| m.start.as_str()).collect();
            assert!(
                !left.is_zero(),
                "{} waited for {what}; it has {starts:?}",
                self.name
            );
            self.take(left);
        }
    }

    /// Nothing that matches comes within `time`, nor has come.
    #[track_caller]
    pub fn never(&mut self, what: &str, time: Duration, unwanted: impl Fn(&Msg) -> bool) {
        let end = Instant::now() + time;
        loop {
            let found = self.waiting.iter().find(|msg| unwanted(msg));
            assert!(
                found.is_none(),
                "{} got {what}: {:?}",
                self.name,
                found.map(|m| &m.start)
            );
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            self.take(left);
        }
    }

    /// Nothing at all comes within `time` but what was already taken.
    #[track_caller]
    pub fn silence(&mut self, time: Duration) {
        self.never("a message", time, |_| true);
    }

    /// Drops what has come and was not asked for.
    pub fn forget(&mut self) {
        while let Some(msg) = self.wire.receive(Duration::ZERO) {
            drop(msg);
        }
        self.waiting.clear();
    }

    fn take(&mut self, wait: Duration) {
        if let Some(msg) = self.wire.receive(wait)
            && msg.status() != 100
        {
            self.waiting.push_back(msg);
        }
    }
}
