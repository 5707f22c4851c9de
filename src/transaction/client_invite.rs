//! The INVITE client transaction: RFC 3261 §17.1.1 as RFC 6026 §7.2 corrects it, with CANCEL (§9.1).

use std::time::{Duration, Instant};

use super::machine::{ClientAct, ClientEvent, Due, Moment, Resend, Step, due, wake};

/// Timer D is at least this, since the server's T1 is not known (RFC 3261 §17.1.1.2).
const TIMER_D_MIN: Duration = Duration::from_secs(32);

#[derive(Debug, PartialEq, Eq)]
pub(super) enum ClientInvite {
    /// Nothing was heard yet: the request repeats (Timer A) until Timer B.
    Calling {
        resend: Option<Resend>,
        ends: Instant,
        fate: Fate,
    },
    /// A provisional response has come.
    Proceeding { ends: Instant, fate: Fate },
    /// A 3xx to 6xx has come; its retransmissions are acknowledged until Timer D.
    Completed { ends: Instant },
    /// A 2xx has come; further ones are passed on until Timer M.
    Accepted { ends: Instant },
}

/// What the owner wants of a transaction that has no final response yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fate {
    /// The owner has decided without it.
    pub abandoned: bool,
    pub cancel: Cancel,
}

/// How far a CANCEL has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Cancel {
    #[default]
    No,
    /// To be sent with the first provisional response: before it, a CANCEL could overtake its INVITE (§9.1).
    Wished,
    Sent,
}

impl ClientInvite {
    pub fn open(at: &Moment) -> Self {
        Self::Calling {
            resend: at.first_resend(),
            ends: at.patience(),
            fate: Fate::default(),
        }
    }

    pub fn step(self, event: ClientEvent, at: &Moment) -> Step<Self, ClientAct> {
        match self {
            Self::Calling { resend, ends, fate } => Self::calling(resend, ends, fate, event, at),
            Self::Proceeding { ends, fate } => Self::proceeding(ends, fate, event, at),
            Self::Completed { .. } => self.completed(event),
            Self::Accepted { .. } => self.accepted(event),
        }
    }

    fn calling(
        resend: Option<Resend>,
        ends: Instant,
        fate: Fate,
        event: ClientEvent,
        at: &Moment,
    ) -> Step<Self, ClientAct> {
        match event {
            ClientEvent::Provisional => Self::ring(fate, at),
            ClientEvent::Success => Self::accept(at),
            ClientEvent::Failure => Self::complete(at),
            ClientEvent::Timer(Due::Resend) => {
                let resend = resend.map(|resend| resend.following(at.now, Duration::MAX));
                Step::to(Self::Calling { resend, ends, fate }, ClientAct::Resend)
            }
            ClientEvent::Timer(Due::Deadline) => Step::end(fate.unanswered()),
            ClientEvent::Cancel => {
                let fate = Fate {
                    cancel: Cancel::Wished,
                    ..fate
                };
                Step::to(Self::Calling { resend, ends, fate }, ClientAct::Nothing)
            }
            ClientEvent::Abandon => {
                let fate = Fate {
                    abandoned: true,
                    ..fate
                };
                Step::to(
                    Self::Calling {
                        resend: None,
                        ends,
                        fate,
                    },
                    ClientAct::Nothing,
                )
            }
            ClientEvent::TransportFailed => Step::end(ClientAct::TransportFailed),
        }
    }

    fn proceeding(
        ends: Instant,
        fate: Fate,
        event: ClientEvent,
        at: &Moment,
    ) -> Step<Self, ClientAct> {
        match event {
            ClientEvent::Provisional => {
                let ends = if fate.is_wanted() {
                    at.proceeding()
                } else {
                    ends
                };
                Step::to(Self::Proceeding { ends, fate }, ClientAct::Pass)
            }
            ClientEvent::Success => Self::accept(at),
            ClientEvent::Failure => Self::complete(at),
            ClientEvent::Timer(Due::Resend) => {
                Step::to(Self::Proceeding { ends, fate }, ClientAct::Nothing)
            }
            ClientEvent::Timer(Due::Deadline) => Step::end(fate.unanswered()),
            ClientEvent::Cancel if fate.cancel == Cancel::Sent => {
                Step::to(Self::Proceeding { ends, fate }, ClientAct::Nothing)
            }
            ClientEvent::Cancel => {
                let fate = Fate {
                    cancel: Cancel::Sent,
                    ..fate
                };
                Step::to(
                    Self::Proceeding {
                        ends: at.patience(),
                        fate,
                    },
                    ClientAct::SendCancel,
                )
            }
            ClientEvent::Abandon => {
                let fate = Fate {
                    abandoned: true,
                    ..fate
                };
                let ends = ends.min(at.patience());
                Step::to(Self::Proceeding { ends, fate }, ClientAct::Nothing)
            }
            ClientEvent::TransportFailed => Step::end(ClientAct::TransportFailed),
        }
    }

    fn completed(self, event: ClientEvent) -> Step<Self, ClientAct> {
        match event {
            ClientEvent::Provisional => Step::to(self, ClientAct::Absorb),
            // Behind a forking proxy a 2xx can follow even a 3xx to 6xx (§16.7, step 5): it is a live call.
            ClientEvent::Success => Step::to(self, ClientAct::Pass),
            ClientEvent::Failure => Step::to(self, ClientAct::AckAgain),
            ClientEvent::Timer(Due::Deadline) => Step::end(ClientAct::Nothing),
            // What may have bounced is an ACK; it is sent again if the peer asks again.
            ClientEvent::TransportFailed
            | ClientEvent::Timer(Due::Resend)
            | ClientEvent::Cancel
            | ClientEvent::Abandon => Step::to(self, ClientAct::Nothing),
        }
    }

    fn accepted(self, event: ClientEvent) -> Step<Self, ClientAct> {
        match event {
            ClientEvent::Success => Step::to(self, ClientAct::Pass),
            ClientEvent::Provisional | ClientEvent::Failure => Step::to(self, ClientAct::Absorb),
            ClientEvent::Timer(Due::Deadline) => Step::end(ClientAct::Nothing),
            ClientEvent::TransportFailed
            | ClientEvent::Timer(Due::Resend)
            | ClientEvent::Cancel
            | ClientEvent::Abandon => Step::to(self, ClientAct::Nothing),
        }
    }

    /// The first provisional response.
    fn ring(fate: Fate, at: &Moment) -> Step<Self, ClientAct> {
        if fate.cancel == Cancel::Wished {
            let fate = Fate {
                cancel: Cancel::Sent,
                ..fate
            };
            let next = Self::Proceeding {
                ends: at.patience(),
                fate,
            };
            return Step::to(next, ClientAct::PassAndCancel);
        }
        let ends = if fate.is_wanted() {
            at.proceeding()
        } else {
            at.patience()
        };
        Step::to(Self::Proceeding { ends, fate }, ClientAct::Pass)
    }

    fn accept(at: &Moment) -> Step<Self, ClientAct> {
        Step::to(
            Self::Accepted {
                ends: at.patience(),
            },
            ClientAct::PassFinal,
        )
    }

    fn complete(at: &Moment) -> Step<Self, ClientAct> {
        let timer_d = (at.durations.t1 * 64).max(TIMER_D_MIN);
        at.linger(timer_d, ClientAct::PassAndAck, |ends| Self::Completed {
            ends,
        })
    }

    /// True before the final response.
    pub fn is_pending(&self) -> bool {
        match self {
            Self::Calling { .. } | Self::Proceeding { .. } => true,
            Self::Completed { .. } | Self::Accepted { .. } => false,
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
        match *self {
            Self::Calling { resend, ends, .. } => (resend, ends),
            Self::Proceeding { ends, .. } | Self::Completed { ends } | Self::Accepted { ends } => {
                (None, ends)
            }
        }
    }
}

impl Fate {
    /// What a deadline without a final response means.
    fn unanswered(self) -> ClientAct {
        if self.abandoned {
            ClientAct::Nothing
        } else {
            ClientAct::TimedOut
        }
    }

    fn is_wanted(self) -> bool {
        !self.abandoned && self.cancel != Cancel::Sent
    }
}
