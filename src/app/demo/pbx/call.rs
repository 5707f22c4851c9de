//! One call as a PBX sees it.

use super::super::text::{Dialog, Text, address_of};
use super::super::wire::Repeat;
use std::net::SocketAddr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Ringing,
    /// 200 was sent, its ACK has not come.
    Answered,
    Up,
    /// We sent BYE.
    Ending,
    /// A final refusal was sent, its ACK has not come.
    Refused,
}

pub struct Call {
    pub stage: Stage,
    pub call_id: String,
    pub branch: String,
    pub source: SocketAddr,
    pub invite: Vec<u8>,
    /// The last response to the INVITE, or our BYE.
    pub last: Repeat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deadline {
    Ring(u64),
    Answer(u64),
    Again(u64, Stamp),
    HangUp(u64),
}

/// Which message a repetition is of: a later one makes it void.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stamp {
    Ok,
    Refusal,
    Bye,
}

pub fn tag_of(number: u64) -> String {
    format!("pbx{number}")
}

/// The message that a call in `stage` repeats.
pub fn stamp_of(stage: Stage) -> Option<Stamp> {
    match stage {
        Stage::Answered => Some(Stamp::Ok),
        Stage::Refused => Some(Stamp::Refusal),
        Stage::Ending => Some(Stamp::Bye),
        Stage::Ringing | Stage::Up => None,
    }
}

/// The dialog as the called side sees it (RFC 3261 §12.1.1).
pub fn dialog_of(call: &Call, number: u64, own: SocketAddr) -> Option<Dialog> {
    let invite = Text::parse(&call.invite)?;
    let target = invite.header("Contact")?.to_owned();
    address_of(&target)?;
    Some(Dialog {
        local: format!("{};tag={}", invite.header("To")?, tag_of(number)),
        remote: invite.header("From")?.to_owned(),
        call_id: call.call_id.clone(),
        own,
        target,
        routes: invite.values("Record-Route"),
        cseq: 1,
    })
}
