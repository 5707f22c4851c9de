//! One call as its caller sees it.

use super::super::text::Dialog;
use super::super::wire::Repeat;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// INVITE was sent, nothing came yet.
    Calling,
    /// A provisional response came.
    Ringing,
    /// CANCEL was sent.
    Cancelling,
    Up,
    /// BYE was sent.
    Ending,
    /// Over, but remembered.
    Over,
}

pub struct Call {
    pub stage: Stage,
    /// The caller hangs up as soon as that is possible.
    pub leaving: bool,
    pub dialog: Dialog,
    pub last: Repeat,
    pub ack: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deadline {
    Place,
    /// The last message of that kind is sent again.
    Again(u64, Kind),
    Cancel(u64),
    HangUp(u64),
    Forget(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Invite,
    Cancel,
    Bye,
}

/// The message that a call in `stage` repeats.
pub fn kind_of(stage: Stage) -> Option<Kind> {
    match stage {
        Stage::Calling => Some(Kind::Invite),
        Stage::Cancelling => Some(Kind::Cancel),
        Stage::Ending => Some(Kind::Bye),
        Stage::Ringing | Stage::Up | Stage::Over => None,
    }
}
