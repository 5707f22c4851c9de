//! The INVITE server transaction: RFC 3261 §17.2.1 as RFC 6026 §7.1 corrects it.

use std::time::Instant;

use super::ServerState;
use super::machine::{Due, Moment, Resend, ServerAct, ServerEvent, Step, due, wake};

#[derive(Debug, PartialEq, Eq)]
pub(super) enum ServerInvite {
    /// No final response yet.
    Proceeding { ends: Instant },
    /// A 3xx to 6xx was sent and repeats (Timer G) until its ACK comes or Timer H ends it.
    Completed {
        resend: Option<Resend>,
        ends: Instant,
    },
    /// The ACK has come; further ones are absorbed until Timer I.
    Confirmed { ends: Instant },
    /// A 2xx was sent; retransmitted INVITEs are absorbed until Timer L. The 2xx itself is repeated by the user agent.
    Accepted { ends: Instant },
}

impl ServerInvite {
    pub fn open(at: &Moment) -> Self {
        Self::Proceeding {
            ends: at.proceeding(),
        }
    }

    pub fn step(self, event: ServerEvent, at: &Moment) -> Step<Self, ServerAct> {
        use ServerEvent::{Ack, Failure, Provisional, Request, Success, Timer};
        match (self, event) {
            (Self::Proceeding { .. }, Provisional) => Step::to(
                Self::Proceeding {
                    ends: at.proceeding(),
                },
                ServerAct::Send,
            ),
            (Self::Proceeding { .. }, Success) => Step::to(
                Self::Accepted {
                    ends: at.patience(),
                },
                ServerAct::SendOnce,
            ),
            (Self::Proceeding { .. }, Failure) => Step::to(Self::complete(at), ServerAct::Send),
            (state @ Self::Proceeding { .. }, Request) => Step::to(state, ServerAct::Resend),
            (state @ Self::Proceeding { .. }, Ack | Timer(Due::Resend)) => {
                Step::to(state, ServerAct::Nothing)
            }

            (state @ Self::Completed { .. }, Request) => Step::to(state, ServerAct::Resend),
            (Self::Completed { .. }, Ack) => {
                at.linger(at.durations.t4, ServerAct::Acknowledged, |ends| {
                    Self::Confirmed { ends }
                })
            }
            (Self::Completed { resend, ends }, Timer(Due::Resend)) => {
                let resend = resend.map(|resend| resend.following(at.now, at.durations.t2));
                Step::to(Self::Completed { resend, ends }, ServerAct::Resend)
            }
            (Self::Completed { .. }, Timer(Due::Deadline)) => Step::end(ServerAct::NoAck),

            (state @ Self::Accepted { .. }, Success) => Step::to(state, ServerAct::SendOnce),
            (
                state @ (Self::Confirmed { .. } | Self::Accepted { .. }),
                Request | Ack | Timer(Due::Resend),
            ) => Step::to(state, ServerAct::Nothing),

            (
                state @ (Self::Completed { .. } | Self::Confirmed { .. }),
                Provisional | Success | Failure,
            )
            | (state @ Self::Accepted { .. }, Provisional | Failure) => {
                Step::to(state, ServerAct::Refuse)
            }

            (
                Self::Proceeding { .. } | Self::Confirmed { .. } | Self::Accepted { .. },
                Timer(Due::Deadline),
            ) => Step::end(ServerAct::Nothing),
        }
    }

    fn complete(at: &Moment) -> Self {
        Self::Completed {
            resend: at.first_resend(),
            ends: at.patience(),
        }
    }

    pub fn state(&self) -> ServerState {
        match self {
            Self::Proceeding { .. } => ServerState::Proceeding,
            Self::Completed { .. } => ServerState::Completed,
            Self::Confirmed { .. } => ServerState::Confirmed,
            Self::Accepted { .. } => ServerState::Accepted,
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
            Self::Completed { resend, ends } => (resend, ends),
            Self::Proceeding { ends } | Self::Confirmed { ends } | Self::Accepted { ends } => {
                (None, ends)
            }
        }
    }
}
