//! A PBX that works by itself on a thread of its own, changes its manners when told, and keeps its own count.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::leg::{Leg, fresh};
use super::repeat::{Repeats, T2};
use super::text::{Msg, response, user_of};
use super::wire::Wire;
use crate::harness::net::fresh_ip;

/// What it does with a new call.
#[derive(Clone, Copy, Debug)]
pub enum Manner {
    /// Rings at once and answers after this time.
    Answers(Duration),
    /// Refuses with this status, and this Retry-After when not 0.
    Refuses(u16, u32),
    /// Takes everything and says nothing, to probes neither.
    Silent,
}

/// What it has seen.
#[derive(Default, Debug)]
pub struct Seen {
    /// The users of the new calls, in order.
    pub users: Vec<String>,
    /// OPTIONS that came.
    pub probes: u64,
    /// Calls that it holds now.
    pub live: usize,
    /// The most that it ever held at once.
    pub peak: usize,
    /// Cancelled calls.
    pub cancelled: u64,
    /// 2xx that nobody acknowledged.
    pub never_acknowledged: u64,
    /// BYEs of its own that nobody answered.
    pub byes_lost: u64,
}

struct Told {
    manner: Manner,
    hang_up: bool,
    forget: usize,
    seen: Seen,
}

/// A running PBX.
pub struct Pbx {
    pub name: String,
    pub address: SocketAddr,
    told: Arc<Mutex<Told>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Pbx {
    /// One on a fresh address that answers at once.
    pub fn start(name: &str) -> Self {
        Self::on(name, Wire::bind(fresh_ip(), 5060))
    }

    /// One on this socket.
    pub fn on(name: &str, wire: Wire) -> Self {
        let told = Arc::new(Mutex::new(Told {
            manner: Manner::Answers(Duration::ZERO),
            hang_up: false,
            forget: 0,
            seen: Seen::default(),
        }));
        let stop = Arc::new(AtomicBool::new(false));
        let address = wire.address;
        let engine = Engine {
            name: name.to_owned(),
            wire,
            told: Arc::clone(&told),
            calls: HashMap::new(),
            answers: BinaryHeap::new(),
            repeats: Repeats::default(),
        };
        let stopped = Arc::clone(&stop);
        Self {
            name: name.to_owned(),
            address,
            told,
            stop,
            thread: Some(std::thread::spawn(move || engine.run(&stopped))),
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().expect("the PBX's thread is well")
    }

    pub fn becomes(&self, manner: Manner) {
        self.told().manner = manner;
    }

    /// Hangs up every call that it holds.
    pub fn hangs_up(&self) {
        self.told().hang_up = true;
    }

    /// Forgets so many calls that it holds, and tells nobody.
    pub fn forgets(&self, calls: usize) {
        self.told().forget = calls;
    }

    pub fn live(&self) -> usize {
        self.told().seen.live
    }

    pub fn peak(&self) -> usize {
        self.told().seen.peak
    }

    pub fn probes(&self) -> u64 {
        self.told().seen.probes
    }

    pub fn users(&self) -> Vec<String> {
        self.told().seen.users.clone()
    }

    pub fn invites(&self) -> usize {
        self.told().seen.users.len()
    }

    pub fn never_acknowledged(&self) -> u64 {
        self.told().seen.never_acknowledged
    }

    /// A `[[peer]]` of a config; `more` are further lines.
    pub fn config(&self, more: &str) -> String {
        peer_config(&self.name, self.address, more)
    }
}

/// A `[[peer]]` of a config.
pub fn peer_config(name: &str, address: SocketAddr, more: &str) -> String {
    let groups = if more.contains("groups") {
        ""
    } else {
        "groups = [\"pbx\"]\n"
    };
    format!(
        "[[peer]]\nname = \"{name}\"\nuri = \"sip:{address};transport=udp\"\n{groups}{more}\n\n"
    )
}

impl Drop for Pbx {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Call {
    leg: Leg,
    invite: Msg,
    to_tag: String,
    last: Vec<u8>,
    answered: bool,
    over: bool,
}

struct Engine {
    name: String,
    wire: Wire,
    told: Arc<Mutex<Told>>,
    calls: HashMap<String, Call>,
    answers: BinaryHeap<Reverse<(Instant, String)>>,
    repeats: Repeats,
}

impl Engine {
    fn run(mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            let now = Instant::now();
            let next = self.answers.peek().map(|Reverse((at, _))| *at);
            let wait = [next, self.repeats.next()]
                .into_iter()
                .flatten()
                .map(|at| at.saturating_duration_since(now))
                .fold(Duration::from_millis(10), Duration::min);
            if let Some(msg) = self.wire.receive(wait) {
                self.take(&msg);
            }
            self.answer_due();
            for key in self.repeats.tick(&mut self.wire) {
                self.gave_up(&key);
            }
            let forget = std::mem::take(&mut self.told().forget);
            self.forget(forget);
            let hang_up = std::mem::take(&mut self.told().hang_up);
            if hang_up {
                self.hang_up_all();
            }
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().expect("nobody panics with the lock")
    }

    fn take(&mut self, msg: &Msg) {
        let manner = self.told().manner;
        if matches!(manner, Manner::Silent) {
            return;
        }
        let tag = msg.tag_of_from().unwrap_or("no tag");
        let key = format!("{}|{tag}", msg.call_id());
        if !msg.is_request() {
            if msg.method() == "BYE" && msg.status() >= 200 {
                self.repeats.stop(&format!("B{}", msg.call_id()));
            }
            return;
        }
        match msg.method() {
            "INVITE" => self.invite(&key, msg, manner),
            "ACK" => {
                self.repeats.stop(&key);
            }
            "BYE" => self.bye(&key, msg),
            "CANCEL" => self.cancel(&key, msg),
            "OPTIONS" if msg.tag_of_to().is_some() => {
                let known = self.calls.get(&key).is_some_and(|call| !call.over);
                self.reply(msg, if known { 200 } else { 481 }, None);
            }
            "OPTIONS" => {
                self.told().seen.probes += 1;
                self.reply(msg, 200, None);
            }
            _ => {
                self.reply(msg, 200, None);
            }
        }
    }

    fn reply(&mut self, request: &Msg, status: u16, tag: Option<&str>) -> Vec<u8> {
        let contact = format!("Contact: <sip:pbx@{}>", self.wire.address);
        let name = format!("X-Pbx: {}", self.name);
        let bytes = response(request, status, tag, &[&contact, &name], "");
        self.wire.send(request.from, &bytes);
        bytes
    }

    fn invite(&mut self, key: &str, msg: &Msg, manner: Manner) {
        if let Some(call) = self.calls.get(key) {
            // A retransmission, or a re-INVITE, which needs no more than another 200 here.
            if msg.tag_of_to().is_none() {
                self.wire.send(msg.from, &call.last);
            } else {
                let tag = call.to_tag.clone();
                self.reply(msg, 200, Some(&tag));
            }
            return;
        }
        self.told().seen.users.push(user_of(msg.uri()).to_owned());
        let to_tag = fresh("t");
        let leg = Leg::called(self.wire.address, msg, &to_tag);
        let mut call = Call {
            leg,
            invite: msg.clone(),
            to_tag: to_tag.clone(),
            last: Vec::new(),
            answered: false,
            over: false,
        };
        match manner {
            Manner::Answers(after) => {
                call.last = self.reply(msg, 180, Some(&to_tag));
                let at = Instant::now() + after;
                self.answers.push(Reverse((at, key.to_owned())));
                self.begun();
            }
            Manner::Refuses(status, retry_after) => {
                let retry = format!("Retry-After: {retry_after}");
                let extra: &[&str] = if retry_after > 0 { &[&retry] } else { &[] };
                let bytes = response(msg, status, Some(&to_tag), extra, "");
                self.repeats
                    .send(&mut self.wire, key, msg.from, bytes.clone(), T2);
                call.last = bytes;
                call.over = true;
            }
            Manner::Silent => {}
        }
        self.calls.insert(key.to_owned(), call);
    }

    fn begun(&mut self) {
        let mut told = self.told();
        told.seen.live += 1;
        told.seen.peak = told.seen.peak.max(told.seen.live);
    }

    fn answer_due(&mut self) {
        let now = Instant::now();
        while self
            .answers
            .peek()
            .is_some_and(|Reverse((at, _))| *at <= now)
        {
            let Some(Reverse((_, key))) = self.answers.pop() else {
                break;
            };
            let Some(call) = self.calls.get_mut(&key).filter(|call| !call.over) else {
                continue;
            };
            call.answered = true;
            let contact = format!("Contact: <sip:pbx@{}>", self.wire.address);
            let name = format!("X-Pbx: {}", self.name);
            let (tag, extra) = (Some(&*call.to_tag), [&*contact, &name]);
            let bytes = response(&call.invite, 200, tag, &extra, "");
            call.last = bytes.clone();
            self.repeats
                .send(&mut self.wire, &key, call.invite.from, bytes, T2);
        }
    }

    fn bye(&mut self, key: &str, msg: &Msg) {
        self.repeats.stop(key);
        let known = self.calls.contains_key(key);
        self.reply(msg, if known { 200 } else { 481 }, None);
        self.end(key);
    }

    fn cancel(&mut self, key: &str, msg: &Msg) {
        self.reply(msg, 200, None);
        let Some(call) = self.calls.get_mut(key).filter(|c| !c.answered && !c.over) else {
            return;
        };
        let bytes = response(&call.invite, 487, Some(&call.to_tag), &[], "");
        call.last = bytes.clone();
        let to = call.invite.from;
        self.repeats.send(&mut self.wire, key, to, bytes, T2);
        self.told().seen.cancelled += 1;
        self.end(key);
    }

    fn end(&mut self, key: &str) {
        if let Some(call) = self.calls.get_mut(key)
            && !call.over
        {
            call.over = true;
            self.told().seen.live -= 1;
        }
    }

    fn up(&self) -> Vec<String> {
        let up = self.calls.iter().filter(|(_, it)| it.answered && !it.over);
        up.map(|(key, _)| key.clone()).collect()
    }

    fn forget(&mut self, calls: usize) {
        let up = self.up();
        up.iter().take(calls).for_each(|key| self.end(key));
    }

    fn hang_up_all(&mut self) {
        for key in self.up() {
            self.say_bye(&key);
        }
    }

    fn say_bye(&mut self, key: &str) {
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        let bytes = call.leg.request("BYE", &[], "");
        let (to, id) = (call.leg.next_hop(), call.leg.call_id.clone());
        self.repeats
            .send(&mut self.wire, &format!("B{id}"), to, bytes, T2);
        self.end(key);
    }

    fn gave_up(&mut self, key: &str) {
        if key.starts_with('B') {
            self.told().seen.byes_lost += 1;
            return;
        }
        let up = |call: &Call| call.answered && !call.over;
        if self.calls.get(key).is_some_and(up) {
            // RFC 3261 §13.3.1.4: no ACK came, so the session is ended by BYE.
            self.say_bye(key);
            self.told().seen.never_acknowledged += 1;
        }
    }
}
