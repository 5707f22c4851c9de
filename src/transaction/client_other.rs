//! The non-INVITE client transaction: RFC 3261 §17.1.2.

use std::time::Instant;

use super::machine::{ClientAct, ClientEvent, Due, Moment, Resend, Step, due, wake};

#[derive(Debug, PartialEq, Eq)]
pub(super) enum ClientOther {
    /// Nothing was heard yet: the request repeats (Timer E, doubling up to T2) until Timer F.
    Trying(Pending),
    /// A provisional response has come: the request repeats every T2 until Timer F.
    Proceeding(Pending),
    /// The final response has come; further ones are absorbed until Timer K.
    Completed { ends: Instant },
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pending {
    pub resend: Option<Resend>,
    pub ends: Instant,
    /// The owner has decided without it.
    pub abandoned: bool,
}

impl ClientOther {
    pub fn open(at: &Moment) -> Self {
        Self::Trying(Pending {
            resend: at.first_resend(),
            ends: at.patience(),
            abandoned: false,
        })
    }

    pub fn step(self, event: ClientEvent, at: &Moment) -> Step<Self, ClientAct> {
        use ClientEvent::{Abandon, Cancel, Failure, Provisional, Success, Timer, TransportFailed};
        match (self, event) {
            (Self::Trying(pending) | Self::Proceeding(pending), Provisional) => {
                Step::to(Self::Proceeding(pending.slower(at)), ClientAct::Pass)
            }
            (Self::Trying(_) | Self::Proceeding(_), Success | Failure) => {
                at.linger(at.durations.t4, ClientAct::PassFinal, |ends| {
                    Self::Completed { ends }
                })
            }
            (state @ Self::Completed { .. }, Provisional | Success | Failure) => {
                Step::to(state, ClientAct::Absorb)
            }
            (Self::Trying(pending), Timer(Due::Resend)) => {
                Step::to(Self::Trying(pending.following(at)), ClientAct::Resend)
            }
            (Self::Proceeding(pending), Timer(Due::Resend)) => {
                Step::to(Self::Proceeding(pending.following(at)), ClientAct::Resend)
            }
            (Self::Trying(pending) | Self::Proceeding(pending), Timer(Due::Deadline)) => {
                Step::end(if pending.abandoned {
                    ClientAct::Nothing
                } else {
                    ClientAct::TimedOut
                })
            }
            (Self::Completed { .. }, Timer(Due::Deadline)) => Step::end(ClientAct::Nothing),
            (Self::Trying(pending), Abandon) => {
                Step::to(Self::Trying(pending.abandon()), ClientAct::Nothing)
            }
            (Self::Proceeding(pending), Abandon) => {
                Step::to(Self::Proceeding(pending.abandon()), ClientAct::Nothing)
            }
            (Self::Trying(_) | Self::Proceeding(_), TransportFailed) => {
                Step::end(ClientAct::TransportFailed)
            }
            // Only an INVITE is worth a CANCEL (§9.1).
            (state @ (Self::Trying(_) | Self::Proceeding(_)), Cancel)
            | (
                state @ Self::Completed { .. },
                Cancel | Abandon | TransportFailed | Timer(Due::Resend),
            ) => Step::to(state, ClientAct::Nothing),
        }
    }

    /// True before the final response.
    pub fn is_pending(&self) -> bool {
        match self {
            Self::Trying(_) | Self::Proceeding(_) => true,
            Self::Completed { .. } => false,
        }
    }

    pub fn wake(&self) -> Instant {
        let (resend, ends) = self.timers();
        wake(resend, ends)
    }

    pub fn due(&self, now: Instant) -> Option<Due> {
        let (resend, ends) = self.timers();
        due(resend, ends, now)
    }

    fn timers(&self) -> (Option<Resend>, Instant) {
        match self {
            Self::Trying(pending) | Self::Proceeding(pending) => (pending.resend, pending.ends),
            Self::Completed { ends } => (None, *ends),
        }
    }
}

impl Pending {
    /// Timer E runs on as it is and is T2 from its next reset (§17.1.2.2).
    fn slower(self, at: &Moment) -> Self {
        let resend = self.resend.map(|resend| Resend {
            then: at.durations.t2,
            ..resend
        });
        Self { resend, ..self }
    }

    fn following(self, at: &Moment) -> Self {
        let resend = self
            .resend
            .map(|resend| resend.following(at.now, at.durations.t2));
        Self { resend, ..self }
    }

    fn abandon(self) -> Self {
        Self {
            resend: None,
            abandoned: true,
            ..self
        }
    }
}
