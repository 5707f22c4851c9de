//! What the four machines share: the moment of a step, its events and its outcome.

use std::time::{Duration, Instant};

use super::Durations;
use crate::base::limits::INVITE_PROCEEDING_MAX;

/// When a step is taken, and by which timers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub now: Instant,
    pub durations: Durations,
    /// The transport retransmits by itself, so timers A, E and G do not run and D, I, J and K are zero.
    pub reliable: bool,
}

/// A state taken, `None` being Terminated, and what there is to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step<S, A> {
    pub next: Option<S>,
    pub act: A,
}

/// A retransmission to come, and how long after it the next one follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resend {
    pub at: Instant,
    pub then: Duration,
}

/// What a timer of a machine means when it fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Timers A, E and G.
    Resend,
    /// Every other timer: the state has lasted long enough.
    Deadline,
}

/// What happens to a server transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ServerEvent {
    /// The request again.
    Request,
    /// An ACK that belongs to the INVITE.
    Ack,
    /// The owner's 1xx.
    Provisional,
    /// The owner's 2xx.
    Success,
    /// The owner's 3xx to 6xx.
    Failure,
    /// A timer of the machine.
    Timer(Due),
}

/// What a server transaction has to do after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ServerAct {
    /// Nothing.
    Nothing,
    /// Send the owner's response and keep it for retransmissions.
    Send,
    /// Send the owner's response; the owner keeps it, the transaction does not.
    SendOnce,
    /// The response comes too late; do not send it.
    Refuse,
    /// Send the last response again, if there is one.
    Resend,
    /// An ACK has come: the response is needed no more.
    Acknowledged,
    /// Tell the owner that the ACK never came.
    NoAck,
}

/// What happens to a client transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientEvent {
    /// A 1xx.
    Provisional,
    /// A 2xx.
    Success,
    /// A 3xx to 6xx.
    Failure,
    /// A timer of the machine.
    Timer(Due),
    /// The owner wants a CANCEL sent.
    Cancel,
    /// The owner has given up on the transaction.
    Abandon,
    /// The transport says that the request cannot be delivered.
    TransportFailed,
}

/// What a client transaction has to do after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientAct {
    /// Nothing.
    Nothing,
    /// A response that has been handled before; nobody needs it.
    Absorb,
    /// Pass a provisional response, or a further 2xx, to the owner.
    Pass,
    /// Pass a provisional response to the owner and send the CANCEL that was waiting for it.
    PassAndCancel,
    /// Pass the final response to the owner; the request is needed no more.
    PassFinal,
    /// Send an ACK, keep it in the place of the request, pass the response to the owner.
    PassAndAck,
    /// A final response again: send the ACK again.
    AckAgain,
    /// Send the request again.
    Resend,
    /// Send a CANCEL.
    SendCancel,
    /// Tell the owner that no final response came in time.
    TimedOut,
    /// Tell the owner that the request could not be delivered.
    TransportFailed,
}

impl<S, A> Step<S, A> {
    pub fn to(next: S, act: A) -> Self {
        Self {
            next: Some(next),
            act,
        }
    }

    pub fn end(act: A) -> Self {
        Self { next: None, act }
    }

    pub fn map<T>(self, wrap: impl FnOnce(S) -> T) -> Step<T, A> {
        Step {
            next: self.next.map(wrap),
            act: self.act,
        }
    }
}

impl Moment {
    /// 64*T1: how long a peer may take for what it must answer (timers B, F, H, J, L and M).
    pub fn patience(&self) -> Instant {
        self.now + self.durations.t1 * 64
    }

    /// The end of an INVITE transaction that has seen a provisional response. RFC 3261 sets none here and leaves it to the
    /// owner (Timer C); this one only sees to it that no state is endless.
    pub fn proceeding(&self) -> Instant {
        self.now + INVITE_PROCEEDING_MAX
    }

    /// The first retransmission, T1 from now, on transports that need it.
    pub fn first_resend(&self) -> Option<Resend> {
        let first = Resend {
            at: self.now,
            then: self.durations.t1,
        };
        (!self.reliable).then(|| first.following(self.now, Duration::MAX))
    }

    /// The linger of a state that only answers retransmissions: none where the transport is reliable.
    pub fn linger<S, A>(
        &self,
        span: Duration,
        act: A,
        state: impl FnOnce(Instant) -> S,
    ) -> Step<S, A> {
        let next = (!self.reliable).then(|| state(self.now + span));
        Step { next, act }
    }
}

impl Resend {
    /// The retransmission after this one, whose wait doubles up to `cap`.
    pub fn following(self, now: Instant, cap: Duration) -> Self {
        Self {
            at: now + self.then.min(cap),
            then: (self.then * 2).min(cap),
        }
    }
}

/// When a machine with these timers wants to be woken.
pub(super) fn wake(resend: Option<Resend>, ends: Instant) -> Instant {
    resend.map_or(ends, |resend| resend.at.min(ends))
}

/// What is due at `now`; the end comes before a retransmission that it makes pointless.
pub(super) fn due(resend: Option<Resend>, ends: Instant, now: Instant) -> Option<Due> {
    if ends <= now {
        return Some(Due::Deadline);
    }
    resend
        .filter(|resend| resend.at <= now)
        .map(|_| Due::Resend)
}
