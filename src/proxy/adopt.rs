//! A call that this process never saw begin, as after a crash: its cookie says all that counting it takes.

use std::time::Instant;

use super::begin::contact_uri;
use super::context::Purpose;
use super::core::Core;
use crate::call::{CallRecord, Cookie, DialogRecord, Side, name_hash};
use crate::sip::{Message, NameAddr};
use crate::transaction::ContextKey;

/// An id of no shard: the call gets a fresh one.
const NO_ID: u64 = u64::MAX;

impl Core {
    /// A 2xx within a dialog shows that its call lives. One that began before this process did, and that we do not hold,
    /// is taken up; one that began later has ended here, or lives on another node.
    pub(super) fn adopt(&mut self, now: Instant, key: ContextKey, message: &Message<'_>) {
        let Some(context) = self.contexts.get(key) else {
            return;
        };
        let Purpose::InDialog {
            call: None,
            side,
            callee_tag,
            cookie: Some(cookie),
        } = &context.purpose
        else {
            return;
        };
        let before_us = u64::from(cookie.started_unix_s) * 1000 < self.started_unix_ms;
        if cookie.serial == 0 || !before_us {
            return;
        }
        let record = self.adopted(cookie, *side, callee_tag, message);
        self.restore(now, &[record]);
    }

    fn adopted(
        &self,
        cookie: &Cookie,
        side: Side,
        callee_tag: &[u8],
        message: &Message<'_>,
    ) -> CallRecord {
        let directory = &self.setup.directory;
        let uri = |value: &[u8]| {
            NameAddr::parse(value)
                .map_or(value, |address| address.uri)
                .to_vec()
        };
        let (from, to) = (uri(message.from()), uri(message.to()));
        // The answer comes from the other side.
        let contact = contact_uri(message).to_vec();
        let (caller, callee, caller_tag, caller_target, callee_target) = match side {
            Side::Caller => (from, to, message.from_tag(), Vec::new(), contact),
            Side::Callee => (to, from, message.to_tag(), contact, Vec::new()),
        };
        let peer = directory
            .peers()
            .find(|peer| name_hash(&peer.name) == cookie.peer);
        let named = |(hash, units): &(u32, u16)| {
            let name = directory
                .resources()
                .find(|name| name_hash(name) == *hash)?;
            Some((name.to_string(), u32::from(*units)))
        };
        CallRecord {
            id: NO_ID,
            serial: cookie.serial,
            call_id: message.call_id().to_vec(),
            caller_tag: caller_tag.unwrap_or_default().to_vec(),
            from: caller,
            to: callee,
            caller_target,
            group: peer
                .and_then(|peer| directory.group(*peer.groups.first()?))
                .map(|group| group.name.to_string()),
            route: 0,
            peer: peer.map(|peer| peer.name.to_string()),
            placed_by: None,
            demand: cookie.demand.iter().filter_map(named).collect(),
            since_unix_ms: u64::from(cookie.started_unix_s) * 1000,
            session_until_unix_ms: None,
            cseq: [0, 0],
            dialogs: vec![DialogRecord {
                callee_tag: callee_tag.to_vec(),
                callee_target,
                caller_routes: Vec::new(),
                callee_routes: Vec::new(),
            }],
        }
    }
}
