//! The simulated callers: one socket that places calls at a rate, talks, hangs up, changes its mind.

mod call;

use self::call::{Call, Deadline, Kind, Stage, kind_of};
use super::text::{Dialog, Text, reply};
use super::wire::{Repeat, Wire, Woken};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// More calls than this at once are not placed: the demo is no load generator.
const MAX_CALLS: usize = 20_000;
/// Calls that are later than this are not made up for.
const CATCH_UP: Duration = Duration::from_millis(100);
/// How long a caller lets it ring.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long an ended call is remembered, to answer what was sent twice.
const LINGER: Duration = Duration::from_secs(5);

/// What callers are like.
#[derive(Clone, Debug)]
pub struct Habits {
    /// Calls a second.
    pub rate: f64,
    /// Of a hundred calls, so many are cancelled while they ring.
    pub cancel_percent: u32,
    /// How long a caller talks at most.
    pub talks: Duration,
}

/// What became of the calls so far.
#[derive(Debug, Default)]
pub struct Tally {
    pub placed: AtomicU64,
    pub answered: AtomicU64,
    pub cancelled: AtomicU64,
    pub failed: AtomicU64,
    /// Calls that have not ended yet.
    pub live: AtomicU64,
    /// How often each refusal came, by status; 0 is silence.
    pub refusals: parking_lot::Mutex<BTreeMap<u16, u64>>,
}

/// What the callers are asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Calling,
    /// No new calls; those that live are hung up.
    GoingHome,
}

/// Starts the callers, who call `target`. They end once they are going home and every call is over.
///
/// # Errors
/// The system's, when no socket can be bound.
pub async fn start(
    habits: Habits,
    target: SocketAddr,
    mood: watch::Receiver<Mood>,
    seed: u64,
) -> io::Result<(Arc<Tally>, tokio::task::JoinHandle<()>)> {
    let wire = Wire::bind(SocketAddr::new(target.ip(), 0)).await?;
    let tally = Arc::new(Tally::default());
    let chance = fastrand::Rng::with_seed(seed);
    let (calls, numbers) = (BTreeMap::new(), HashMap::new());
    let crowd = Crowd {
        habits,
        target,
        wire,
        tally: Arc::clone(&tally),
        chance,
        calls,
        numbers,
        next: 0,
        meant: Instant::now(),
        seed,
    };
    Ok((tally, tokio::spawn(crowd.run(mood))))
}

struct Crowd {
    habits: Habits,
    target: SocketAddr,
    wire: Wire<Deadline>,
    tally: Arc<Tally>,
    chance: fastrand::Rng,
    calls: BTreeMap<u64, Call>,
    numbers: HashMap<String, u64>,
    next: u64,
    /// When the next call is meant to be placed.
    meant: Instant,
    seed: u64,
}

impl Crowd {
    async fn run(mut self, mut mood: watch::Receiver<Mood>) {
        let mut going = false;
        self.wire.after(Duration::ZERO, Deadline::Place);
        while !(going && self.tally.live.load(Ordering::Relaxed) == 0) {
            let woken = tokio::select! {
                woken = self.wire.next() => woken,
                changed = mood.changed(), if !going => {
                    going = changed.is_err() || *mood.borrow() == Mood::GoingHome;
                    if going {
                        self.go_home().await;
                    }
                    continue;
                }
            };
            match woken {
                Woken::Datagram(length, source) => {
                    let bytes = self.wire.datagram(length).to_vec();
                    if let Some(text) = Text::parse(&bytes) {
                        self.receive(&text, source).await;
                    }
                }
                Woken::Due(Deadline::Place) if going => {}
                Woken::Due(deadline) => self.due(deadline).await,
            }
        }
    }

    async fn due(&mut self, deadline: Deadline) {
        match deadline {
            Deadline::Place => {
                let pause = 1.0 / self.habits.rate.max(0.001);
                let jittered = pause * (0.5 + self.chance.f64());
                // From the moment that was meant, so that late timers do not slow the callers down.
                self.meant =
                    (self.meant + Duration::from_secs_f64(jittered)).max(Instant::now() - CATCH_UP);
                self.wire.at(self.meant, Deadline::Place);
                self.place().await;
            }
            Deadline::Again(number, kind) => {
                if let Some(call) = self
                    .calls
                    .get(&number)
                    .filter(|call| kind_of(call.stage) == Some(kind))
                {
                    self.wire.send(&call.last.bytes, call.last.to).await;
                    self.again(number);
                }
            }
            Deadline::Cancel(number) => {
                let waits = self
                    .calls
                    .get(&number)
                    .is_some_and(|call| matches!(call.stage, Stage::Calling | Stage::Ringing));
                if waits {
                    self.leave(number).await;
                }
            }
            Deadline::HangUp(number) => self.leave(number).await,
            Deadline::Forget(number) => {
                if let Some(call) = self.calls.remove(&number) {
                    self.numbers.remove(&call.dialog.call_id);
                }
            }
        }
    }

    async fn place(&mut self) {
        if self.calls.len() >= MAX_CALLS {
            return;
        }
        self.next += 1;
        let number = self.next;
        let own = self.wire.address();
        let dialog = Dialog {
            local: format!("<sip:caller{number}@{own}>;tag=c{number}"),
            remote: format!("<sip:1000@{}>", self.target),
            call_id: format!("demo-{:x}-{number}@{}", self.seed, own.ip()),
            own,
            target: format!("sip:1000@{}", self.target),
            routes: Vec::new(),
            cseq: 1,
        };
        let invite = dialog.request("INVITE", &self.branch(number, "INVITE"));
        self.wire.send(&invite, self.target).await;
        self.numbers.insert(dialog.call_id.clone(), number);
        let last = Repeat::new(invite, self.target);
        let call = Call {
            stage: Stage::Calling,
            leaving: false,
            dialog,
            last,
            ack: Vec::new(),
        };
        self.calls.insert(number, call);
        self.tally.placed.fetch_add(1, Ordering::Relaxed);
        self.tally.live.fetch_add(1, Ordering::Relaxed);
        self.again(number);
        let impatient = self.chance.u32(0..100) < self.habits.cancel_percent;
        let patience = if impatient {
            Duration::from_millis(self.chance.u64(50..400))
        } else {
            PATIENCE
        };
        self.wire.after(patience, Deadline::Cancel(number));
    }

    async fn receive(&mut self, text: &Text<'_>, source: SocketAddr) {
        let number = self.numbers.get(text.call_id()).copied();
        match (text.method(), text.status(), number) {
            (Some("ACK"), _, _) => {}
            (Some("BYE"), _, Some(number)) => {
                self.wire
                    .send(&reply(text, 200, "OK", "", ""), source)
                    .await;
                self.over(number);
            }
            (Some("BYE"), _, None) => {
                let gone = reply(text, 481, "Call/Transaction Does Not Exist", "none", "");
                self.wire.send(&gone, source).await;
            }
            (Some(_), _, _) => {
                self.wire
                    .send(&reply(text, 200, "OK", "any", ""), source)
                    .await
            }
            (None, Some(status), Some(number)) => match text.cseq() {
                Some((_, "INVITE")) => self.invited(text, status, number).await,
                Some((_, "BYE")) if status >= 200 => self.over(number),
                Some(_) | None => {}
            },
            (None, _, _) => {}
        }
    }

    /// A response to the INVITE of call `number`.
    async fn invited(&mut self, text: &Text<'_>, status: u16, number: u64) {
        let Some(call) = self.calls.get_mut(&number) else {
            return;
        };
        match (call.stage, status) {
            (Stage::Calling, 100..200) => {
                call.stage = Stage::Ringing;
                if call.leaving {
                    self.leave(number).await;
                }
            }
            (Stage::Calling | Stage::Ringing | Stage::Cancelling, 200..300) => {
                self.answered(text, number).await
            }
            (Stage::Calling | Stage::Ringing | Stage::Cancelling, 300..) => {
                self.refused(text, status, number).await
            }
            // Sent again, because our ACK was lost.
            (Stage::Up | Stage::Ending | Stage::Over, 200..) => {
                let hop = if status < 300 {
                    call.dialog.next_hop()
                } else {
                    Some(self.target)
                };
                self.wire.send(&call.ack, hop.unwrap_or(self.target)).await;
            }
            (
                Stage::Calling
                | Stage::Ringing
                | Stage::Cancelling
                | Stage::Up
                | Stage::Ending
                | Stage::Over,
                _,
            ) => {}
        }
    }

    async fn answered(&mut self, text: &Text<'_>, number: u64) {
        let ack_branch = self.branch(number, "ACK");
        let Some(call) = self.calls.get_mut(&number) else {
            return;
        };
        // RFC 3261 §12.1.2: the route set is the Record-Route in reverse.
        call.dialog.routes = text.values("Record-Route");
        call.dialog.routes.reverse();
        call.dialog.remote = text.header("To").unwrap_or_default().to_owned();
        if let Some(contact) = text.header("Contact") {
            call.dialog.target = contact.to_owned();
        }
        call.ack = call.dialog.request("ACK", &ack_branch);
        let hop = call.dialog.next_hop().unwrap_or(self.target);
        self.wire.send(&call.ack, hop).await;
        let leaving = call.leaving;
        call.stage = Stage::Up;
        self.tally.answered.fetch_add(1, Ordering::Relaxed);
        let most = u64::try_from(self.habits.talks.as_millis())
            .unwrap_or(u64::MAX)
            .max(4);
        let talks = Duration::from_millis(self.chance.u64(most / 4..=most));
        if leaving {
            self.leave(number).await;
        } else {
            self.wire.after(talks, Deadline::HangUp(number));
        }
    }

    async fn refused(&mut self, text: &Text<'_>, status: u16, number: u64) {
        let branch = self.branch(number, "INVITE");
        let Some(call) = self.calls.get_mut(&number) else {
            return;
        };
        call.dialog.remote = text.header("To").unwrap_or_default().to_owned();
        // RFC 3261 §17.1.1.3: the ACK of a refusal is part of the INVITE's transaction.
        call.ack = call.dialog.request("ACK", &branch);
        self.wire.send(&call.ack, self.target).await;
        if call.stage == Stage::Cancelling && status == 487 {
            self.tally.cancelled.fetch_add(1, Ordering::Relaxed);
        } else {
            self.tally.failed.fetch_add(1, Ordering::Relaxed);
            *self.tally.refusals.lock().entry(status).or_default() += 1;
        }
        self.over(number);
    }

    /// The caller hangs up, as far as that is possible now.
    async fn leave(&mut self, number: u64) {
        let (cancel, bye) = (self.branch(number, "INVITE"), self.branch(number, "BYE"));
        let Some(call) = self.calls.get_mut(&number) else {
            return;
        };
        call.leaving = true;
        match call.stage {
            Stage::Ringing => {
                call.stage = Stage::Cancelling;
                call.last = Repeat::new(call.dialog.request("CANCEL", &cancel), self.target);
            }
            Stage::Up => {
                call.stage = Stage::Ending;
                call.dialog.cseq += 1;
                let hop = call.dialog.next_hop().unwrap_or(self.target);
                call.last = Repeat::new(call.dialog.request("BYE", &bye), hop);
            }
            Stage::Calling | Stage::Cancelling | Stage::Ending | Stage::Over => return,
        }
        self.wire.send(&call.last.bytes, call.last.to).await;
        self.again(number);
    }

    async fn go_home(&mut self) {
        let all: Vec<u64> = self.calls.keys().copied().collect();
        for number in all {
            self.leave(number).await;
        }
    }

    /// Arms the next repetition of the call's last message, or gives the call up.
    fn again(&mut self, number: u64) {
        let Some(call) = self.calls.get_mut(&number) else {
            return;
        };
        match (kind_of(call.stage), call.last.wait()) {
            (Some(kind), Some(wait)) => self.wire.after(wait, Deadline::Again(number, kind)),
            (Some(Kind::Invite | Kind::Cancel), None) => {
                self.tally.failed.fetch_add(1, Ordering::Relaxed);
                *self.tally.refusals.lock().entry(0).or_default() += 1;
                self.over(number);
            }
            (Some(Kind::Bye), None) => self.over(number),
            (None, _) => {}
        }
    }

    fn over(&mut self, number: u64) {
        let Some(call) = self
            .calls
            .get_mut(&number)
            .filter(|call| call.stage != Stage::Over)
        else {
            return;
        };
        call.stage = Stage::Over;
        self.tally.live.fetch_sub(1, Ordering::Relaxed);
        self.wire.after(LINGER, Deadline::Forget(number));
    }

    fn branch(&self, number: u64, method: &str) -> String {
        format!("z9hG4bK{:x}n{number}{method}", self.seed)
    }
}
