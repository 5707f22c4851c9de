//! A simulated PBX: it rings, answers, sometimes hangs up, is full at its limit, and can die.

mod call;

use self::call::{Call, Deadline, Stage, Stamp, dialog_of, stamp_of, tag_of};
use super::text::{Text, reply};
use super::wire::{Repeat, Wire, Woken};
use parking_lot::Mutex;
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The longest a call may last here, should nobody hang up.
const LONGEST_CALL: Duration = Duration::from_secs(120);
/// What a full PBX asks for; the first digits of many a real one's 300.
const RETRY_AFTER: &str = "Retry-After: 2\r\n";

/// What a PBX is like.
#[derive(Clone, Debug)]
pub struct Nature {
    pub name: &'static str,
    /// Calls it can hold, its own included.
    pub capacity: u32,
    /// Calls of its own, which never pass the balancer.
    pub foreign: u32,
    /// How long it rings at most before it answers.
    pub rings: Duration,
    /// Of a hundred calls, so many are hung up by the PBX.
    pub hangs_up_percent: u32,
    /// How long such calls last at most.
    pub talks: Duration,
}

/// What a PBX says of itself, read by its feedback and by the table.
#[derive(Debug, Default)]
pub struct Report {
    /// Call-IDs of the calls that came through the balancer.
    pub calls: BTreeSet<String>,
    /// INVITEs that came, those refused for want of room included.
    pub invites: u64,
    /// INVITEs that were refused for want of room.
    pub refused: u64,
    /// Calls that were answered.
    pub answered: u64,
}

/// A running PBX. Dropping it kills it as a crash would: its port closes, its calls are forgotten.
pub struct Pbx {
    pub address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Pbx {
    /// Starts a PBX at `address` (port 0: a free one). `report` outlives it and goes on counting.
    ///
    /// # Errors
    /// The system's, when the address cannot be bound.
    pub async fn start(
        nature: Nature,
        address: SocketAddr,
        report: Arc<Mutex<Report>>,
        seed: u64,
    ) -> io::Result<Self> {
        let wire = Wire::bind(address).await?;
        let address = wire.address();
        report.lock().calls.clear();
        let chance = fastrand::Rng::with_seed(seed);
        let switch = Switch {
            nature,
            wire,
            report,
            chance,
            calls: HashMap::new(),
            numbers: HashMap::new(),
            next: 0,
        };
        Ok(Self {
            address,
            task: tokio::spawn(switch.run()),
        })
    }
}

impl Drop for Pbx {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Switch {
    nature: Nature,
    wire: Wire<Deadline>,
    report: Arc<Mutex<Report>>,
    chance: fastrand::Rng,
    calls: HashMap<u64, Call>,
    numbers: HashMap<String, u64>,
    next: u64,
}

impl Switch {
    async fn run(mut self) {
        loop {
            match self.wire.next().await {
                Woken::Datagram(length, source) => {
                    let bytes = self.wire.datagram(length).to_vec();
                    if let Some(text) = Text::parse(&bytes) {
                        self.receive(&text, &bytes, source).await;
                    }
                }
                Woken::Due(deadline) => self.due(deadline).await,
            }
        }
    }

    async fn receive(&mut self, text: &Text<'_>, bytes: &[u8], source: SocketAddr) {
        let number = self.numbers.get(text.call_id()).copied();
        match (text.method(), number) {
            (None, Some(number)) => self.answered_bye(text, number),
            (None, None) => {}
            (Some("INVITE"), _) if !text.has_to_tag() => {
                self.invite(text, bytes, source, number).await
            }
            (Some("ACK"), Some(number)) => self.ack(number),
            (Some("ACK"), None) => {}
            (Some("CANCEL"), Some(number)) => self.cancel(text, source, number).await,
            (Some("BYE"), Some(number)) => {
                self.wire
                    .send(&reply(text, 200, "OK", "", ""), source)
                    .await;
                self.forget(number);
            }
            (Some("BYE" | "CANCEL"), None) => {
                let gone = reply(text, 481, "Call/Transaction Does Not Exist", "none", "");
                self.wire.send(&gone, source).await;
            }
            (Some(_), _) => {
                self.wire
                    .send(&reply(text, 200, "OK", "any", ""), source)
                    .await
            }
        }
    }

    async fn invite(
        &mut self,
        text: &Text<'_>,
        bytes: &[u8],
        source: SocketAddr,
        number: Option<u64>,
    ) {
        let known = number.and_then(|number| self.calls.get(&number));
        if let Some(call) = known.filter(|call| call.branch == text.branch()) {
            self.wire.send(&call.last.bytes, source).await;
            return;
        }
        if let Some(number) = number {
            self.forget(number);
        }
        self.next += 1;
        let number = self.next;
        let full = self.used() >= self.nature.capacity;
        let trying = reply(text, 100, "Trying", "", "");
        self.wire.send(&trying, source).await;
        let call = Call {
            stage: Stage::Ringing,
            call_id: text.call_id().to_owned(),
            branch: text.branch().to_owned(),
            source,
            invite: bytes.to_vec(),
            last: Repeat::new(trying, source),
        };
        self.numbers.insert(call.call_id.clone(), number);
        self.calls.insert(number, call);
        self.report.lock().invites += 1;
        if full {
            self.report.lock().refused += 1;
            self.refuse(number, 503, "Service Unavailable", RETRY_AFTER)
                .await;
        } else {
            let ring = Duration::from_millis(self.chance.u64(10..80));
            self.wire.after(ring, Deadline::Ring(number));
            let answer = ring + self.up_to(self.nature.rings);
            self.wire.after(answer, Deadline::Answer(number));
            self.report.lock().calls.insert(text.call_id().to_owned());
        }
    }

    fn ack(&mut self, number: u64) {
        let Some(call) = self.calls.get_mut(&number) else {
            return;
        };
        match call.stage {
            Stage::Refused => self.forget(number),
            Stage::Answered => {
                call.stage = Stage::Up;
                let ends_here = self.chance.u32(0..100) < self.nature.hangs_up_percent;
                let lasts = if ends_here {
                    self.up_to(self.nature.talks)
                } else {
                    LONGEST_CALL
                };
                self.wire.after(lasts, Deadline::HangUp(number));
            }
            Stage::Ringing | Stage::Up | Stage::Ending => {}
        }
    }

    async fn cancel(&mut self, text: &Text<'_>, source: SocketAddr, number: u64) {
        self.wire
            .send(&reply(text, 200, "OK", "cancel", ""), source)
            .await;
        if self
            .calls
            .get(&number)
            .is_some_and(|call| call.stage == Stage::Ringing)
        {
            self.refuse(number, 487, "Request Terminated", "").await;
        }
    }

    /// The other side's answer to our BYE, or to nothing that we remember.
    fn answered_bye(&mut self, text: &Text<'_>, number: u64) {
        let final_answer = text.status().is_some_and(|status| status >= 200);
        let ending = self
            .calls
            .get(&number)
            .is_some_and(|call| call.stage == Stage::Ending);
        if final_answer && ending {
            self.forget(number);
        }
    }

    async fn due(&mut self, deadline: Deadline) {
        match deadline {
            Deadline::Ring(number) => {
                self.respond(number, 180, "Ringing", Stage::Ringing, "")
                    .await
            }
            Deadline::Answer(number) => {
                let contact = format!("Contact: <sip:pbx@{}>\r\n", self.wire.address());
                self.respond(number, 200, "OK", Stage::Answered, &contact)
                    .await;
                if self
                    .calls
                    .get(&number)
                    .is_some_and(|call| call.stage == Stage::Answered)
                {
                    self.report.lock().answered += 1;
                }
                self.again(number, Stamp::Ok).await;
            }
            Deadline::Again(number, stamp) => {
                if let Some(call) = self
                    .calls
                    .get(&number)
                    .filter(|call| stamp_of(call.stage) == Some(stamp))
                {
                    self.wire.send(&call.last.bytes, call.last.to).await;
                    self.again(number, stamp).await;
                }
            }
            Deadline::HangUp(number) => self.hang_up(number).await,
        }
    }

    /// Sends a response to a call that still rings, and moves it on.
    async fn respond(&mut self, number: u64, status: u16, reason: &str, stage: Stage, extra: &str) {
        let Some(call) = self
            .calls
            .get_mut(&number)
            .filter(|call| call.stage == Stage::Ringing)
        else {
            return;
        };
        let Some(invite) = Text::parse(&call.invite) else {
            return;
        };
        let bytes = reply(&invite, status, reason, &tag_of(number), extra);
        call.last = Repeat::new(bytes, call.source);
        call.stage = stage;
        self.wire.send(&call.last.bytes, call.source).await;
    }

    async fn refuse(&mut self, number: u64, status: u16, reason: &str, extra: &str) {
        self.respond(number, status, reason, Stage::Refused, extra)
            .await;
        self.again(number, Stamp::Refusal).await;
        if let Some(call) = self.calls.get(&number) {
            self.report.lock().calls.remove(&call.call_id);
        }
    }

    /// Arms the next repetition of the call's last message, or gives the call up.
    async fn again(&mut self, number: u64, stamp: Stamp) {
        let Some(call) = self
            .calls
            .get_mut(&number)
            .filter(|call| stamp_of(call.stage) == Some(stamp))
        else {
            return;
        };
        match (call.last.wait(), stamp) {
            (Some(wait), Stamp::Ok | Stamp::Refusal | Stamp::Bye) => {
                self.wire.after(wait, Deadline::Again(number, stamp));
            }
            // RFC 3261 §13.3.1.4: no ACK came, so the session is ended.
            (None, Stamp::Ok) => {
                call.stage = Stage::Up;
                self.wire.after(Duration::ZERO, Deadline::HangUp(number));
            }
            (None, Stamp::Refusal | Stamp::Bye) => self.forget(number),
        }
    }

    async fn hang_up(&mut self, number: u64) {
        let own = self.wire.address();
        let Some(call) = self
            .calls
            .get_mut(&number)
            .filter(|call| call.stage == Stage::Up)
        else {
            return;
        };
        let Some(dialog) = dialog_of(call, number, own) else {
            return;
        };
        let Some(hop) = dialog.next_hop() else { return };
        let bytes = dialog.request("BYE", &format!("z9hG4bKbye{number}p{}", own.port()));
        call.stage = Stage::Ending;
        call.last = Repeat::new(bytes, hop);
        self.wire.send(&call.last.bytes, hop).await;
        self.again(number, Stamp::Bye).await;
    }

    fn forget(&mut self, number: u64) {
        if let Some(call) = self.calls.remove(&number) {
            self.numbers.remove(&call.call_id);
            self.report.lock().calls.remove(&call.call_id);
        }
    }

    fn used(&self) -> u32 {
        let own = self.report.lock().calls.len();
        u32::try_from(own)
            .unwrap_or(u32::MAX)
            .saturating_add(self.nature.foreign)
    }

    fn up_to(&mut self, most: Duration) -> Duration {
        let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX).max(4);
        Duration::from_millis(self.chance.u64(most / 4..=most))
    }
}
