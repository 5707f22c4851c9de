//! The user agent behind a phone: its calls, its dialogs and their timers.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

use super::leg::Leg;
use super::phone::{Command, Ended, Outcome};
use super::repeat::{Repeats, T2};
use super::text::{Msg, response};
use super::wire::Wire;

struct Dialog {
    leg: Leg,
    ack: Vec<u8>,
    over: bool,
}

struct Call {
    leg: Leg,
    begun: Instant,
    hold: Option<Duration>,
    settled: bool,
    outcome: SyncSender<Outcome>,
    ended: SyncSender<Ended>,
    /// By To tag: a fork may make several.
    dialogs: HashMap<String, Dialog>,
    first: Option<String>,
}

/// The thread behind a phone.
pub(super) struct Engine {
    wire: Wire,
    server: SocketAddr,
    calls: HashMap<String, Call>,
    hang_ups: BinaryHeap<Reverse<(Instant, String)>>,
    repeats: Repeats,
}

impl Engine {
    pub(super) fn new(wire: Wire, server: SocketAddr) -> Self {
        Self {
            wire,
            server,
            calls: HashMap::new(),
            hang_ups: BinaryHeap::new(),
            repeats: Repeats::default(),
        }
    }

    pub(super) fn run(mut self, inbox: &Receiver<Command>) {
        loop {
            let now = Instant::now();
            let next = self.hang_ups.peek().map(|Reverse((at, _))| *at);
            let wait = [next, self.repeats.next()]
                .into_iter()
                .flatten()
                .map(|at| at.saturating_duration_since(now))
                .fold(Duration::from_millis(2), Duration::min);
            if let Some(msg) = self.wire.receive(wait) {
                self.take(&msg);
            }
            loop {
                match inbox.try_recv() {
                    Ok(command) => self.obey(command),
                    Err(std::sync::mpsc::TryRecvError::Empty) => break,
                    Err(std::sync::mpsc::TryRecvError::Disconnected) => return,
                }
            }
            while self
                .hang_ups
                .peek()
                .is_some_and(|Reverse((at, _))| *at <= now)
            {
                if let Some(Reverse((_, id))) = self.hang_ups.pop() {
                    self.hang_up(&id);
                }
            }
            for key in self.repeats.tick(&mut self.wire) {
                self.gave_up(&key);
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Call {
                user,
                extra,
                hold,
                outcome,
                ended,
            } => {
                let leg = Leg::calling(self.wire.address, self.server, &user);
                let id = leg.call_id.clone();
                let extra: Vec<&str> = extra.iter().map(String::as_str).collect();
                let bytes = leg.invite(&extra, "");
                let call = Call {
                    leg,
                    begun: Instant::now(),
                    hold,
                    settled: false,
                    outcome,
                    ended,
                    dialogs: HashMap::new(),
                    first: None,
                };
                self.calls.insert(id.clone(), call);
                let key = format!("I{id}");
                let server = self.server;
                self.repeats
                    .send(&mut self.wire, &key, server, bytes, Duration::MAX / 4);
            }
            Command::HangUp(id) => self.hang_up(&id),
        }
    }

    fn take(&mut self, msg: &Msg) {
        if msg.is_request() {
            self.requested(msg);
            return;
        }
        let id = msg.call_id().to_owned();
        match (msg.method(), msg.status()) {
            ("INVITE", 100..=199) => {
                self.repeats.stop(&format!("I{id}"));
            }
            ("INVITE", 200..=299) => self.answered(&id, msg),
            ("INVITE", _) => self.refused(&id, msg),
            ("BYE", 200..) => self.bye_answered(&id, msg),
            _ => {}
        }
    }

    fn requested(&mut self, msg: &Msg) {
        if msg.method() == "ACK" {
            return;
        }
        self.wire.send(msg.from, &response(msg, 200, None, &[], ""));
        let (Some(call), Some(tag)) = (self.calls.get_mut(msg.call_id()), msg.tag_of_from()) else {
            return;
        };
        if let ("BYE", Some(dialog)) = (msg.method(), call.dialogs.get_mut(tag))
            && !dialog.over
        {
            dialog.over = true;
            let _ = call.ended.try_send(200);
        }
    }

    fn answered(&mut self, id: &str, msg: &Msg) {
        self.repeats.stop(&format!("I{id}"));
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let tag = msg.tag_of_to().unwrap_or("").to_owned();
        if let Some(dialog) = call.dialogs.get(&tag) {
            self.wire.send(dialog.leg.next_hop(), &dialog.ack);
            return;
        }
        let leg = call.leg.dialog(msg);
        let ack = leg.ack(msg.cseq());
        self.wire.send(leg.next_hop(), &ack);
        let dialog = Dialog {
            leg,
            ack,
            over: false,
        };
        call.dialogs.insert(tag.clone(), dialog);
        if call.first.is_some() {
            self.bye(id, &tag);
            return;
        }
        call.first = Some(tag);
        let hold = call.hold;
        self.settle(id, msg);
        if let Some(hold) = hold {
            self.hang_ups
                .push(Reverse((Instant::now() + hold, id.to_owned())));
        }
    }

    fn refused(&mut self, id: &str, msg: &Msg) {
        self.repeats.stop(&format!("I{id}"));
        if let Some(call) = self.calls.get(id) {
            let ack = call.leg.ack_refusal(msg);
            self.wire.send(self.server, &ack);
            self.settle(id, msg);
        }
    }

    fn settle(&mut self, id: &str, msg: &Msg) {
        let Some(call) = self.calls.get_mut(id).filter(|call| !call.settled) else {
            return;
        };
        call.settled = true;
        let _ = call.outcome.try_send(Outcome {
            id: id.to_owned(),
            status: msg.status(),
            by: msg.header("X-Pbx").map(str::to_owned),
            retry_after: msg.header("Retry-After").and_then(|v| v.parse().ok()),
            contact: msg.contact(),
            time: call.begun.elapsed(),
        });
    }

    fn hang_up(&mut self, id: &str) {
        if let Some(tag) = self.calls.get(id).and_then(|call| call.first.clone()) {
            self.bye(id, &tag);
        }
    }

    fn bye(&mut self, id: &str, tag: &str) {
        let call = self.calls.get_mut(id);
        let dialog = call.and_then(|call| call.dialogs.get_mut(tag));
        let Some(dialog) = dialog.filter(|dialog| !dialog.over) else {
            return;
        };
        let bytes = dialog.leg.request("BYE", &[], "");
        let to = dialog.leg.next_hop();
        self.repeats
            .send(&mut self.wire, &format!("B{id}|{tag}"), to, bytes, T2);
    }

    fn bye_answered(&mut self, id: &str, msg: &Msg) {
        let tag = msg.tag_of_to().unwrap_or("");
        self.repeats.stop(&format!("B{id}|{tag}"));
        self.bye_over(id, tag, msg.status());
    }

    fn bye_over(&mut self, id: &str, tag: &str, status: Ended) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let is_first = call.first.as_deref() == Some(tag);
        if let Some(dialog) = call.dialogs.get_mut(tag)
            && !dialog.over
        {
            dialog.over = true;
            if is_first {
                let _ = call.ended.try_send(status);
            }
        }
    }

    fn gave_up(&mut self, key: &str) {
        if let Some(id) = key.strip_prefix('I') {
            if let Some(call) = self.calls.get_mut(id).filter(|call| !call.settled) {
                call.settled = true;
                let _ = call.outcome.try_send(Outcome {
                    id: id.to_owned(),
                    status: 0,
                    by: None,
                    retry_after: None,
                    contact: None,
                    time: call.begun.elapsed(),
                });
            }
        } else if let Some((id, tag)) = key.get(1..).and_then(|rest| rest.split_once('|')) {
            let (id, tag) = (id.to_owned(), tag.to_owned());
            self.bye_over(&id, &tag, 0);
        }
    }
}
