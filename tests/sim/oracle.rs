//! The truth by the wire alone: which calls both phones hold to be up. It reads what phones send and what is delivered to
//! them, with its own eyes, and knows nothing of the core's state.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use crate::clock::{Micros, SECOND};
use crate::phone::DialogKey;
use crate::text::Text;

/// Longer than the balancer is ever down and a datagram ever on its way.
const ADOPTED_AFTER: Micros = 8 * SECOND;

/// After `call_max` from the INVITE: it rang before it was answered, and our BYEs take their time.
const HELD_AFTER_MAX: Micros = 120 * SECOND;

/// One dialog: caller's tag, callee's tag.
#[derive(Default)]
struct Dialog {
    caller: Option<SocketAddr>,
    callee: Option<SocketAddr>,
    /// The ACK came: both know.
    acknowledged: bool,
    /// One side has forgotten it, or the balancer has hung up.
    over: bool,
    /// The BYEs that phones have sent, by tag and CSeq: whether they stand, or have been challenged.
    byes: BTreeMap<(String, u32), bool>,
    /// A BYE has had its answer: nobody holds it any more.
    ended: bool,
    session_until: Option<Micros>,
}

#[derive(Default)]
struct Call {
    dialogs: BTreeMap<(String, String), Dialog>,
    /// Callee's tags in every 2xx that was sent, delivered or not.
    answers: BTreeSet<String>,
    invited: Option<Micros>,
    placed_by: Option<SocketAddr>,
    /// The balancer may have ended it, and rightly.
    excused: bool,
    /// A phone has forgotten it without a word.
    forgotten: bool,
    /// The balancer may hold it after its end: it crashed meanwhile.
    stale: bool,
    /// The balancer crashed then and had no row of it: it is taken up again at its next answer.
    lost_at: Option<Micros>,
    /// It must have been taken up again.
    adopted: bool,
}

/// What the wire told.
pub struct Oracle {
    calls: BTreeMap<String, Call>,
    /// Of these, the calls with a dialog that may be up.
    lively: BTreeSet<String>,
    call_max: Micros,
    /// Calls that were answered at all.
    pub answered: usize,
    tidied: Micros,
}

/// A call that has to hold slots.
pub struct Held<'a> {
    pub call_id: &'a str,
    pub caller: SocketAddr,
    pub callee: SocketAddr,
    /// Taken up again by its cookie, which does not name the one who placed it.
    pub adopted: bool,
}

impl Oracle {
    pub fn new(call_max: Micros) -> Self {
        Self {
            calls: BTreeMap::new(),
            lively: BTreeSet::new(),
            call_max,
            answered: 0,
            tidied: 0,
        }
    }

    /// A phone sends.
    pub fn sent(&mut self, now: Micros, from: SocketAddr, message: &Text) {
        if message.method() == "INVITE" && message.status().is_none() {
            self.tidy(now);
            self.calls.entry(message.call_id().into()).or_default();
        }
        let Some(call) = self.calls.get_mut(message.call_id()) else {
            return;
        };
        match (message.status(), message.method()) {
            (None, "INVITE") if message.tag_of_to().is_empty() => {
                call.invited.get_or_insert(now);
                call.placed_by = Some(from);
            }
            (None, "BYE") => call.each(message, |dialog| {
                dialog.byes.entry(bye(message)).or_insert(true);
            }),
            (Some(200..300), "INVITE") => {
                let known = call.dialogs.keys().any(|(caller, callee)| {
                    caller == message.tag_of_to() && callee == message.tag_of_from()
                });
                if !known {
                    self.answered += usize::from(call.answers.is_empty());
                    call.answers.insert(message.tag_of_to().into());
                }
            }
            _ => {}
        }
        self.file(message.call_id());
    }

    /// Keeps track of what may be up.
    fn file(&mut self, call_id: &str) {
        let lives = |call: &Call| call.dialogs.values().any(Dialog::may_be_up);
        let up = self.calls.get(call_id).is_some_and(lives);
        if !up {
            self.lively.remove(call_id);
        } else if !self.lively.contains(call_id) {
            self.lively.insert(call_id.into());
        }
    }

    /// Calls that are long over are forgotten, so that a long run costs no more than a short one.
    fn tidy(&mut self, now: Micros) {
        if now < self.tidied + 60 * SECOND {
            return;
        }
        self.tidied = now;
        let (max, lively) = (self.call_max + 2 * HELD_AFTER_MAX, &mut self.lively);
        self.calls.retain(|call_id, call| {
            let recent = call.invited.is_none_or(|at| now < at + max);
            if !recent {
                lively.remove(call_id);
            }
            recent
        });
    }

    /// Something arrives at a phone.
    pub fn delivered(&mut self, now: Micros, to: SocketAddr, message: &Text) {
        let Some(call) = self.calls.get_mut(message.call_id()) else {
            return;
        };
        let key = (
            message.tag_of_from().to_string(),
            message.tag_of_to().to_string(),
        );
        let turned = (key.1.clone(), key.0.clone());
        match (message.status(), message.method()) {
            (None, "BYE") => call.each(message, |dialog| {
                dialog.over |= !dialog.byes.contains_key(&bye(message));
            }),
            (None, "ACK") => {
                if let Some(dialog) = call.dialogs.get_mut(&key) {
                    dialog.callee.get_or_insert(to);
                    dialog.acknowledged = true;
                }
            }
            (Some(200..300), "INVITE" | "UPDATE") => {
                let first = message.method() == "INVITE" && !call.dialogs.contains_key(&turned);
                if first {
                    call.dialogs
                        .entry(key)
                        .or_default()
                        .caller
                        .get_or_insert(to);
                }
                let session = message.session().map(|it| Micros::from(it) * SECOND);
                if !first && call.lost_at.is_some_and(|at| now > at + ADOPTED_AFTER) {
                    call.adopted = true;
                }
                call.each(message, |dialog| {
                    dialog.session_until = session.map(|it| now + it);
                });
            }
            (Some(401 | 407), "BYE") => call.each(message, |dialog| {
                dialog.byes.insert(bye(message), false);
            }),
            (Some(200..), "BYE") => call.each(message, |dialog| dialog.ended = true),
            _ => {}
        }
        self.file(message.call_id());
    }

    /// A phone has forgotten one of its dialogs.
    pub fn vanished(&mut self, key: &DialogKey) {
        if let Some(call) = self.calls.get_mut(&key.0) {
            for (tags, dialog) in &mut call.dialogs {
                let names = |tag: &String| *tag == tags.0 || *tag == tags.1;
                dialog.over |= names(&key.1) || names(&key.2);
            }
            call.excused = true;
        }
    }

    /// A phone has forgotten everything.
    pub fn power_off(&mut self, phone: SocketAddr) {
        for call in self.calls.values_mut() {
            // Its answer is on its way: whose it is, nobody has seen yet.
            call.forgotten |= call.answers.len() > call.dialogs.len();
            for dialog in call.dialogs.values_mut() {
                let here = dialog.caller == Some(phone) || dialog.callee == Some(phone);
                // One that its callee has not been seen to answer for may be anybody's.
                let gone = here || dialog.callee.is_none();
                (dialog.over, call.forgotten) = (dialog.over || gone, call.forgotten || gone);
            }
        }
    }

    /// The balancer crashed; of these calls it has rows.
    pub fn crashed(&mut self, now: Micros, saved: &BTreeSet<String>) {
        for (call_id, call) in &mut self.calls {
            if !saved.contains(call_id) {
                (call.lost_at, call.adopted) = (Some(now), false);
                // What was not up yet may come up half behind the balancer's back.
                call.excused |= call.dialogs.len() != 1 || call.answers.len() != 1;
            }
            call.stale = true;
        }
    }

    /// The calls of a phone may be ended, as it is believed to say so.
    pub fn excuse_phone(&mut self, phone: SocketAddr) {
        for call in self.calls.values_mut() {
            let mut dialogs = call.dialogs.values();
            let unsure = |dialog: &Dialog| dialog.callee.is_none() || dialog.caller.is_none();
            call.excused |= dialogs.any(|dialog| {
                dialog.caller == Some(phone) || dialog.callee == Some(phone) || unsure(dialog)
            }) || call.dialogs.is_empty();
        }
    }

    /// Calls of this phone that are not up yet may be counted on it or not.
    pub fn excuse_begun(&mut self, phone: SocketAddr) {
        let begun = |dialog: &Dialog| dialog.callee.is_none() || dialog.caller.is_none();
        for call in self.calls.values_mut() {
            let begun = call.dialogs.is_empty() || call.dialogs.values().any(begun);
            call.excused |= begun && call.placed_by == Some(phone);
        }
    }

    /// The balancer cannot know for sure whether this call is up.
    pub fn is_excused(&self, call_id: &str) -> bool {
        let unsure =
            |call: &Call| call.excused || call.forgotten || call.stale || call.lost_at.is_some();
        self.calls.get(call_id).is_none_or(unsure)
    }

    /// This call was ended by the operator.
    pub fn excuse(&mut self, call_id: &str) {
        if let Some(call) = self.calls.get_mut(call_id) {
            call.excused = true;
        }
    }

    /// Calls that both sides hold to be up, and that nothing may have ended.
    pub fn up(&self, now: Micros) -> impl Iterator<Item = Held<'_>> {
        let lives = move |call: &&Call| {
            let long = call
                .invited
                .is_some_and(|at| now >= at + self.call_max - SECOND);
            !call.excused && !long && (call.lost_at.is_none() || call.adopted)
        };
        let lively = self.lively.iter();
        let calls = lively.filter_map(|call_id| Some((call_id, self.calls.get(call_id)?)));
        let calls = calls.filter(move |(_, call)| lives(call));
        calls.flat_map(move |(call_id, call)| {
            let up = call
                .dialogs
                .values()
                .filter(move |dialog| dialog.is_up(now));
            up.filter_map(move |dialog| {
                Some(Held {
                    call_id,
                    caller: dialog.caller?,
                    callee: dialog.callee?,
                    adopted: call.lost_at.is_some(),
                })
            })
        })
    }

    /// Every dialog of the call has had its end, seen by those who asked for it.
    pub fn is_over(&self, call_id: &str) -> bool {
        self.calls.get(call_id).is_some_and(|call| {
            !call.stale
                && !call.dialogs.is_empty()
                && call.answers.len() == call.dialogs.len()
                && call.dialogs.values().all(|dialog| dialog.ended)
        })
    }

    /// It began so long ago that nothing may hold it, or never.
    pub fn is_old(&self, now: Micros, call_id: &str) -> bool {
        let invited = self.calls.get(call_id).and_then(|call| call.invited);
        invited.is_none_or(|at| now > at + self.call_max + HELD_AFTER_MAX)
    }
}

/// Who sent a BYE, and which.
fn bye(message: &Text) -> (String, u32) {
    (message.tag_of_from().into(), message.cseq())
}

impl Call {
    /// The dialog that a message belongs to, whoever sent it.
    fn each(&mut self, message: &Text, change: impl FnOnce(&mut Dialog)) {
        let key = (
            message.tag_of_from().to_string(),
            message.tag_of_to().to_string(),
        );
        let turned = (key.1.clone(), key.0.clone());
        let key = if self.dialogs.contains_key(&turned) {
            turned
        } else {
            key
        };
        // A BYE may come before the 2xx that it follows: then the dialog is over as soon as it is known.
        change(self.dialogs.entry(key).or_default());
    }
}

impl Dialog {
    fn may_be_up(&self) -> bool {
        let hung_up = self.over || self.byes.values().any(|stands| *stands);
        self.acknowledged && self.caller.is_some() && !hung_up && !self.ended
    }

    fn is_up(&self, now: Micros) -> bool {
        self.may_be_up() && self.session_until.is_none_or(|until| now < until)
    }
}
