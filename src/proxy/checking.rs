//! Does the peer still know this call? Asked by OPTIONS within the dialog: of calls that a restart took up, and of all, where
//! `[check] interval` says so. Why so and not otherwise: docs/decisions/0004.

use smallvec::SmallVec;
use std::time::{Duration, Instant};

use super::core::{Core, CoreTimer};
use super::farewell::ended;
use super::own_request::{OwnRequest, What};
use super::port::{Ended, Notice, Reply};
use super::setup::Setup;
use super::stats::CheckOutcome;
use crate::balance::{EndCause, Observation};
use crate::base::limits::{CHECK_AGAIN, CHECK_PACE, CHECK_REST, CHECKS_UNDER_WAY_MAX};
use crate::call::{Call, CallEvent, CallKey, Checked, Side};

/// The checks of one shard.
pub(super) struct Checking {
    chance: fastrand::Rng,
    /// Before this moment no call that has to wait for its turn is asked about.
    turn: Instant,
    under_way: usize,
}

impl Checking {
    pub fn new(now: Instant, seed: u64) -> Self {
        Self {
            chance: fastrand::Rng::with_seed(seed),
            turn: now,
            under_way: 0,
        }
    }

    /// Requests without a final response.
    pub fn under_way(&self) -> usize {
        self.under_way
    }

    /// Between nine and eleven tenths of it.
    fn about(&mut self, time: Duration) -> Duration {
        time.mul_f64(0.9 + 0.2 * self.chance.f64())
    }

    /// The next turn: one call after the other, however many they are.
    fn next_turn(&mut self, now: Instant) -> Instant {
        self.turn = self.turn.max(now + CHECK_REST) + CHECK_PACE;
        self.turn + CHECK_REST.mul_f64(self.chance.f64())
    }
}

impl Core {
    /// A call whose peer may have forgotten it while nobody looked: it is asked about soon, when its turn comes.
    pub(super) fn check_soon(&mut self, now: Instant, key: CallKey) {
        let at = self.checking.next_turn(now);
        self.check_at(key, at, now, false);
    }

    /// A call that has been answered: it is asked about once nothing was heard of it for the interval.
    pub(super) fn check_later(&mut self, now: Instant, key: CallKey) {
        let unchecked = |call: &Call| call.checked == Checked::Never;
        if let Some(interval) = self.setup.timing.check
            && self.calls.get(key).is_some_and(unchecked)
        {
            let at = now + self.checking.about(interval);
            self.check_at(key, at, now, false);
        }
    }

    /// Where the interval has changed, all calls that wait for their check, or for none, begin to wait anew.
    pub(super) fn check_interval_changes(&mut self, now: Instant, before: &Setup) {
        let interval = self.setup.timing.check;
        if interval == before.timing.check {
            return;
        }
        let up = |(key, call): (CallKey, &Call)| call.is_up().then_some(key);
        let keys: Vec<CallKey> = self.calls.iter().filter_map(up).collect();
        for key in keys {
            let asking = |call: &Call| matches!(call.checked, Checked::Asking { .. });
            if self.calls.get(key).is_none_or(asking) {
                continue;
            }
            match interval {
                // Spread out: they have not been answered all in one moment either.
                Some(interval) => {
                    let at = now + interval.mul_f64(self.checking.chance.f64());
                    self.check_at(key, at, now, false);
                }
                None => self.check_never(key),
            }
        }
    }

    fn check_at(&mut self, key: CallKey, at: Instant, since: Instant, unreachable: bool) {
        self.check_never(key);
        let timer = self.timers.arm(at, CoreTimer::Check(key));
        if let Some(call) = self.calls.get_mut(key) {
            call.checked = Checked::Due {
                timer,
                since,
                unreachable,
            };
        }
    }

    fn check_never(&mut self, key: CallKey) {
        if let Some(call) = self.calls.get_mut(key)
            && let Checked::Due { timer, .. } = std::mem::replace(&mut call.checked, Checked::Never)
        {
            self.timers.cancel(timer);
        }
    }

    /// A call's check is due.
    pub(super) fn check_due(&mut self, now: Instant, key: CallKey) {
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        let Checked::Due {
            since, unreachable, ..
        } = std::mem::replace(&mut call.checked, Checked::Never)
        else {
            return;
        };
        let heard = call.heard;
        // Whoever ends a call sees to its end.
        if call.closing.is_some() || call.all_ending() || heard > since {
            return self.check_again(now, key, heard.max(since));
        }
        if self.checking.under_way >= CHECKS_UNDER_WAY_MAX {
            let at = self.checking.next_turn(now);
            return self.check_at(key, at, since, unreachable);
        }
        let open = self.ask(now, key);
        if let Some(call) = self.calls.get_mut(key)
            && open > 0
        {
            call.checked = Checked::Asking {
                open,
                unreachable,
                again: false,
            };
        } else {
            self.check_again(now, key, now);
        }
    }

    /// The next check after one that found the call alive, or had no need or no way to ask.
    fn check_again(&mut self, now: Instant, key: CallKey, alive: Instant) {
        if let Some(interval) = self.setup.timing.check {
            let at = (alive + self.checking.about(interval)).max(now + CHECK_PACE);
            self.check_at(key, at, alive, false);
        }
    }

    /// Asks every peer that holds the call, in each dialog that nobody is ending; how many requests have gone out.
    fn ask(&mut self, now: Instant, key: CallKey) -> u8 {
        let Some(call) = self.calls.get(key) else {
            return 0;
        };
        let held = call.state().held();
        let target = held.is_some_and(|held| held.target.is_some());
        let placed = held.is_some_and(|held| held.placed.is_some());
        let sides = [(target, Side::Callee), (placed, Side::Caller)];
        let dialogs = call.dialogs.iter().filter(|dialog| !dialog.ending());
        let asked: SmallVec<[OwnRequest; 2]> = dialogs
            .flat_map(|dialog| {
                let asked = sides.iter().filter(|(asked, _)| *asked);
                asked.map(|(_, to)| OwnRequest {
                    call: key,
                    callee_tag: dialog.callee_tag().into(),
                    to: *to,
                    what: What::Check,
                })
            })
            .collect();
        let mut open = 0;
        for own in asked {
            open += u8::from(self.start_own(now, own));
        }
        self.checking.under_way += usize::from(open);
        open
    }

    /// A check has its final response, or never will. `None`: it could not be sent, which says nothing of the call.
    pub(super) fn check_came_out(&mut self, now: Instant, own: &OwnRequest, reply: Option<Reply>) {
        self.checking.under_way -= 1;
        let key = own.call;
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        let Checked::Asking {
            open,
            unreachable,
            again,
        } = &mut call.checked
        else {
            return;
        };
        *open -= 1;
        // A closed port may open again, once.
        let patient = reply == Some(Reply::Unreachable) && !*unreachable;
        *again |= patient;
        let (all_in, again) = (*open == 0, *again);
        let outcome = reply.map_or(CheckOutcome::Unreachable, CheckOutcome::of);
        let held = call.state().held();
        let asked = held.and_then(|held| match own.to {
            Side::Callee => held.target.as_ref(),
            Side::Caller => held.placed.as_ref(),
        });
        if let (Some(slot), Some(Reply::Status(_))) = (asked, reply) {
            self.ledger.report(now, slot.peer(), Observation::Alive);
        }
        self.stats.checks[outcome.index()] += 1;
        if let Some(reply) = reply.filter(|_| !outcome.shows_life() && !patient) {
            self.forgotten(now, own, reply);
        }
        if !all_in {
            return;
        }
        if let Some(call) = self.calls.get_mut(key) {
            call.checked = Checked::Never;
            match again {
                true => self.check_at(key, now + CHECK_AGAIN, now, true),
                false => self.check_again(now, key, now),
            }
        }
    }

    /// RFC 3261 §12.2.1.2: a dialog that the other side does not know, or does not answer in, is over. With its last dialog
    /// the call is.
    fn forgotten(&mut self, now: Instant, own: &OwnRequest, reply: Reply) {
        let Some(call) = self.calls.get_mut(own.call) else {
            return;
        };
        let ending = call
            .dialog_mut(&own.callee_tag)
            .is_none_or(|it| it.ending());
        if call.closing.is_some() || ending {
            return;
        }
        call.dialogs
            .retain(|dialog| dialog.callee_tag() != &own.callee_tag[..]);
        if !call.dialogs.is_empty() {
            if call.all_ending() {
                self.calls.step(own.call, CallEvent::ByeSent);
            }
            return self.call_changed(now, own.call);
        }
        let notice = Ended {
            check: Some(reply),
            ..ended(call, EndCause::Reconciled)
        };
        self.end_call(now, own.call, EndCause::Reconciled);
        self.notice(Notice::Ended(Box::new(notice)));
    }
}
