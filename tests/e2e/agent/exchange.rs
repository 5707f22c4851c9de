//! A PBX that runs for hours: it forgets calls that are over, and by its kind those whose caller has gone without a BYE.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::leg::fresh;
use super::pbx::peer_config;
use super::repeat::{Repeats, T2};
use super::text::{Msg, response};
use super::wire::Wire;
use crate::harness::net::fresh_ip;

/// A BYE that is sent again must find its call (RFC 3261 §17.2.2, Timer J).
const REMEMBERED: Duration = Duration::from_secs(40);
/// How often old calls are looked for.
const SWEEP: Duration = Duration::from_millis(500);
/// The shortest session that RFC 4028 §5 knows, in seconds.
const SESSION_S: u64 = 90;

/// How it comes to know that a caller is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It hears no voice for so long. It sends lists of its calls.
    Lists(Duration),
    /// The session timer.
    Sessions,
    /// Not at all: it waits for the BYE.
    Trusting,
}

#[derive(Default)]
struct Books {
    /// By Call-ID.
    calls: HashMap<String, Call>,
    forgotten: u64,
    never_acknowledged: u64,
}

struct Call {
    to_tag: String,
    since: Instant,
    over: Option<Instant>,
}

/// A running PBX.
pub struct Exchange {
    pub name: &'static str,
    pub kind: Kind,
    address: SocketAddr,
    books: Arc<Mutex<Books>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Exchange {
    pub fn start(name: &'static str, kind: Kind) -> Self {
        let wire = Wire::bind(fresh_ip(), 5060);
        let (address, books) = (wire.address, Arc::<Mutex<Books>>::default());
        let stop = Arc::new(AtomicBool::new(false));
        let engine = Engine {
            kind,
            wire,
            books: Arc::clone(&books),
            repeats: Repeats::default(),
            swept: Instant::now(),
        };
        let stopped = Arc::clone(&stop);
        let thread = Some(std::thread::spawn(move || engine.run(&stopped)));
        Self {
            name,
            kind,
            address,
            books,
            stop,
            thread,
        }
    }

    /// A `[[peer]]` of a config.
    pub fn config(&self, more: &str) -> String {
        peer_config(self.name, self.address, more)
    }

    /// The Call-IDs of the calls that it holds.
    pub fn list(&self) -> Vec<String> {
        let books = self.books();
        let live = books.calls.iter().filter(|(_, call)| call.over.is_none());
        live.map(|(id, _)| id.clone()).collect()
    }

    /// Calls that it has given up by itself.
    pub fn forgotten(&self) -> u64 {
        self.books().forgotten
    }

    /// Answers that nobody acknowledged.
    pub fn never_acknowledged(&self) -> u64 {
        self.books().never_acknowledged
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().expect("the PBX's thread is well")
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Engine {
    kind: Kind,
    wire: Wire,
    books: Arc<Mutex<Books>>,
    repeats: Repeats,
    swept: Instant,
}

impl Engine {
    fn run(mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            if let Some(msg) = self.wire.receive(Duration::from_millis(20)) {
                self.take(&msg);
            }
            for id in self.repeats.tick(&mut self.wire) {
                let mut books = self.books();
                books.never_acknowledged += 1;
                end(&mut books, &id);
            }
            if self.swept.elapsed() >= SWEEP {
                self.swept = Instant::now();
                self.sweep();
            }
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().expect("nobody panics with the lock")
    }

    fn take(&mut self, msg: &Msg) {
        if !msg.is_request() {
            return;
        }
        let id = msg.call_id();
        let (known, live) = {
            let books = self.books();
            let call = books.calls.get(id);
            (call.is_some(), call.is_some_and(|call| call.over.is_none()))
        };
        match (msg.method(), msg.tag_of_to().is_some()) {
            ("INVITE", false) => self.invite(msg),
            ("ACK", _) => {
                self.repeats.stop(id);
            }
            ("BYE", _) => {
                self.repeats.stop(id);
                end(&mut self.books(), id);
                self.reply(msg, if known { 200 } else { 481 }, None, &[]);
            }
            // A probe, or a question about a call.
            (_, within) => self.reply(msg, if live || !within { 200 } else { 481 }, None, &[]),
        }
    }

    fn reply(&mut self, request: &Msg, status: u16, tag: Option<&str>, extra: &[&str]) {
        let bytes = response(request, status, tag, extra, "");
        self.wire.send(request.from, &bytes);
    }

    fn invite(&mut self, msg: &Msg) {
        let id = msg.call_id();
        let to_tag = {
            let mut books = self.books();
            let call = books.calls.entry(id.to_owned()).or_insert_with(|| Call {
                to_tag: fresh("t"),
                since: Instant::now(),
                over: None,
            });
            call.to_tag.clone()
        };
        let contact = format!("Contact: <sip:pbx@{}>", self.wire.address);
        self.reply(msg, 180, Some(&to_tag), &[&contact]);
        let session = format!("Session-Expires: {SESSION_S};refresher=uac");
        let extra: &[&str] = match self.kind {
            Kind::Sessions => &[&contact, &session],
            Kind::Lists(_) | Kind::Trusting => &[&contact],
        };
        let answer = response(msg, 200, Some(&to_tag), extra, "");
        self.repeats.send(&mut self.wire, id, msg.from, answer, T2);
    }

    fn sweep(&self) {
        let patience = match self.kind {
            Kind::Lists(patience) => patience,
            Kind::Sessions => Duration::from_secs(SESSION_S),
            Kind::Trusting => Duration::MAX,
        };
        let mut books = self.books();
        let mut forgotten = 0;
        books.calls.retain(|_, call| match call.over {
            Some(over) => over.elapsed() < REMEMBERED,
            None => {
                if call.since.elapsed() >= patience {
                    call.over = Some(Instant::now());
                    forgotten += 1;
                }
                true
            }
        });
        books.forgotten += forgotten;
    }
}

fn end(books: &mut Books, id: &str) {
    if let Some(call) = books.calls.get_mut(id)
        && call.over.is_none()
    {
        call.over = Some(Instant::now());
    }
}
