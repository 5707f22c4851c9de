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
        use ClientEvent::{Abandon, Cancel, Failure, Provisional, Success, Timer, TransportFailed};
        match (self, event) {
            (Self::Calling { fate, .. }, Provisional) => Self::ring(fate, at),
            (Self::Proceeding { ends, fate }, Provisional) => {
                let ends = if fate.is_wanted() {
                    at.proceeding()
                } else {
                    ends
                };
                Step::to(Self::Proceeding { ends, fate }, ClientAct::Pass)
            }
            (Self::Calling { .. } | Self::Proceeding { .. }, Success) => Step::to(
                Self::Accepted {
                    ends: at.patience(),
                },
                ClientAct::PassFinal,
            ),
            (Self::Calling { .. } | Self::Proceeding { .. }, Failure) => {
                let timer_d = (at.durations.t1 * 64).max(TIMER_D_MIN);
                at.linger(timer_d, ClientAct::PassAndAck, |ends| Self::Completed {
                    ends,
                })
            }
            (state @ (Self::Completed { .. } | Self::Accepted { .. }), Success) => {
                // Behind a forking proxy a 2xx can follow even a 3xx to 6xx (§16.7, step 5): it is a live call.
                Step::to(state, ClientAct::Pass)
            }
            (state @ Self::Completed { .. }, Failure) => Step::to(state, ClientAct::AckAgain),
            (state @ Self::Completed { .. }, Provisional)
            | (state @ Self::Accepted { .. }, Provisional | Failure) => {
                Step::to(state, ClientAct::Absorb)
            }

            (Self::Calling { resend, ends, fate }, Timer(Due::Resend)) => {
                let resend = resend.map(|resend| resend.following(at.now, Duration::MAX));
                Step::to(Self::Calling { resend, ends, fate }, ClientAct::Resend)
            }
            (Self::Calling { fate, .. } | Self::Proceeding { fate, .. }, Timer(Due::Deadline)) => {
                Step::end(if fate.abandoned {
                    ClientAct::Nothing
                } else {
                    ClientAct::TimedOut
                })
            }
            (Self::Completed { .. } | Self::Accepted { .. }, Timer(Due::Deadline)) => {
                Step::end(ClientAct::Nothing)
            }

            (Self::Calling { resend, ends, fate }, Cancel) => {
                let fate = Fate {
                    cancel: self::Cancel::Wished,
                    ..fate
                };
                Step::to(Self::Calling { resend, ends, fate }, ClientAct::Nothing)
            }
            (Self::Proceeding { ends, fate }, Cancel) => Self::cancel(ends, fate, at),
            (Self::Calling { ends, fate, .. }, Abandon) => {
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
            (Self::Proceeding { ends, fate }, Abandon) => {
                let ends = ends.min(at.patience());
                let fate = Fate {
                    abandoned: true,
                    ..fate
                };
                Step::to(Self::Proceeding { ends, fate }, ClientAct::Nothing)
            }
            (Self::Calling { .. } | Self::Proceeding { .. }, TransportFailed) => {
                Step::end(ClientAct::TransportFailed)
            }
            // The final response is there; what may have bounced is an ACK, which repeats if it is needed.
            (state @ Self::Proceeding { .. }, Timer(Due::Resend))
            | (
                state @ (Self::Completed { .. } | Self::Accepted { .. }),
                Cancel | Abandon | TransportFailed | Timer(Due::Resend),
            ) => Step::to(state, ClientAct::Nothing),
        }
    }

    /// The first provisional response.
    fn ring(fate: Fate, at: &Moment) -> Step<Self, ClientAct> {
        match fate.cancel {
            Cancel::Wished => {
                let fate = Fate {
                    cancel: Cancel::Sent,
                    ..fate
                };
                Step::to(
                    Self::Proceeding {
                        ends: at.patience(),
                        fate,
                    },
                    ClientAct::PassAndCancel,
                )
            }
            Cancel::No | Cancel::Sent => {
                let ends = if fate.is_wanted() {
                    at.proceeding()
                } else {
                    at.patience()
                };
                Step::to(Self::Proceeding { ends, fate }, ClientAct::Pass)
            }
        }
    }

    fn cancel(ends: Instant, fate: Fate, at: &Moment) -> Step<Self, ClientAct> {
        match fate.cancel {
            Cancel::Sent => Step::to(Self::Proceeding { ends, fate }, ClientAct::Nothing),
            Cancel::No | Cancel::Wished => {
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
        }
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
    fn is_wanted(self) -> bool {
        !self.abandoned && self.cancel != Cancel::Sent
    }
}
