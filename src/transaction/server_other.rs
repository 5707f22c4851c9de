//! The non-INVITE server transaction: RFC 3261 §17.2.2.

use std::time::Instant;

use super::ServerState;
use super::machine::{Due, Moment, ServerAct, ServerEvent, Step, due};

#[derive(Debug, PartialEq, Eq)]
pub(super) enum ServerOther {
    /// Nothing was answered yet.
    Trying { ends: Instant },
    /// A provisional response was sent.
    Proceeding { ends: Instant },
    /// A final response was sent and answers retransmissions until Timer J.
    Completed { ends: Instant },
}

impl ServerOther {
    /// RFC 3261 sets no timer before the final response. The client stops waiting at its Timer F, so later than
    /// that no answer would be heard (RFC 4320 §4.2) and the transaction ends.
    pub fn open(at: &Moment) -> Self {
        Self::Trying {
            ends: at.patience(),
        }
    }

    pub fn step(self, event: ServerEvent, at: &Moment) -> Step<Self, ServerAct> {
        use ServerEvent::{Ack, Failure, Provisional, Request, Success, Timer};
        match (self, event) {
            (Self::Trying { ends } | Self::Proceeding { ends }, Provisional) => {
                Step::to(Self::Proceeding { ends }, ServerAct::Send)
            }
            (Self::Trying { .. } | Self::Proceeding { .. }, Success | Failure) => {
                at.linger(at.durations.t1 * 64, ServerAct::Send, |ends| {
                    Self::Completed { ends }
                })
            }
            (state @ (Self::Proceeding { .. } | Self::Completed { .. }), Request) => {
                Step::to(state, ServerAct::Resend)
            }
            (state @ Self::Completed { .. }, Provisional | Success | Failure) => {
                Step::to(state, ServerAct::Refuse)
            }
            (state @ Self::Trying { .. }, Request | Ack | Timer(Due::Resend))
            | (
                state @ (Self::Proceeding { .. } | Self::Completed { .. }),
                Ack | Timer(Due::Resend),
            ) => Step::to(state, ServerAct::Nothing),
            (
                Self::Trying { .. } | Self::Proceeding { .. } | Self::Completed { .. },
                Timer(Due::Deadline),
            ) => Step::end(ServerAct::Nothing),
        }
    }

    pub fn state(&self) -> ServerState {
        match self {
            Self::Trying { .. } => ServerState::Trying,
            Self::Proceeding { .. } => ServerState::Proceeding,
            Self::Completed { .. } => ServerState::Completed,
        }
    }

    pub fn wake(&self) -> Instant {
        match *self {
            Self::Trying { ends } | Self::Proceeding { ends } | Self::Completed { ends } => ends,
        }
    }

    pub fn due(&self, now: Instant) -> Option<Due> {
        due(None, self.wake(), now)
    }
}
