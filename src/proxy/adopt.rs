//! A call that this process never saw begin, as after a crash: its cookie says all that counting it takes.

use bytes::Bytes;
use smallvec::SmallVec;
use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

use super::begin::contact_uri;
use super::context::Purpose;
use super::core::Core;
use super::dialogs::join;
use super::preprocess::Preprocessed;
use crate::balance::EndCause;
use crate::base::limits::DOUBTFUL_MAX;
use crate::call::{Call, CallRecord, CallText, Cookie, DialogRecord, DialogText, Side, name_hash};
use crate::sip::{HeaderName, Message, NameAddr};
use crate::transaction::ContextKey;

/// An id of no shard: the call gets a fresh one.
const NO_ID: u64 = u64::MAX;

/// Calls that somebody's word alone has ended, oldest first: a peer's list or restart, or its silence. Should that have been
/// wrong, their next answer shows it.
#[derive(Default)]
pub(super) struct Doubtful {
    order: VecDeque<u64>,
    names: BTreeSet<u64>,
}

impl Doubtful {
    fn put(&mut self, name: u64) {
        if self.order.len() >= DOUBTFUL_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.names.remove(&oldest);
        }
        self.order.push_back(name);
        self.names.insert(name);
    }

    fn take(&mut self, name: u64) -> bool {
        self.names.remove(&name)
    }
}

/// The ways from us to both sides of a dialog, as far as a request within it tells.
#[derive(Default)]
struct Way {
    /// To its recipient: `Route` values joined by commas.
    routes: Vec<u8>,
    /// The recipient's remote target.
    target: Vec<u8>,
    /// The sender's; empty: not told, or not to be reached by it alone.
    sender: Vec<u8>,
}

impl Core {
    fn doubtful_name(&self, serial: u32, call_id: &[u8]) -> u64 {
        self.hasher.hash_one((serial, call_id))
    }

    /// A call is over for this cause, and may not be.
    pub(super) fn doubt_the_end_of(&mut self, call: &Call, cause: EndCause) {
        if matches!(cause, EndCause::Reconciled | EndCause::PeerRestarted) {
            let name = self.doubtful_name(call.serial, call.call_id());
            self.doubtful.put(name);
        }
    }

    /// A BYE has come for a call that we do not hold: what crosses it shows no life any more.
    pub(super) fn over_after_all(&mut self, serial: u32, call_id: &[u8]) {
        let name = self.doubtful_name(serial, call_id);
        self.doubtful.take(name);
    }

    /// A 2xx within a dialog shows that its call lives. One that began before this process did, and that we do not hold,
    /// is taken up; one that began later has ended here, or lives on another node. It is taken up too if only somebody's
    /// word had ended it.
    pub(super) fn adopt(&mut self, now: Instant, key: ContextKey, message: &Message<'_>) {
        // A request that is settled has shown it, and is not kept.
        let Some(context) = self.contexts.get(key).filter(|context| !context.settled) else {
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
        let doubtful = self.doubtful_name(cookie.serial, message.call_id());
        let taken_for_over = self.doubtful.take(doubtful);
        if cookie.serial == 0 || !before_us && !taken_for_over {
            return;
        }
        let (cookie, side, callee_tag) = (cookie.clone(), *side, callee_tag.clone());
        let way = self.way_of(&context.request.clone());
        let record = self.adopted(&cookie, side, &callee_tag, message, &way);
        self.restore(now, &[record]);
    }

    /// What a request within a dialog tells of the ways between us and both sides.
    fn way_of(&mut self, request: &Bytes) -> Way {
        let setup = self.setup.clone();
        self.with_parsed(request, |_, parsed| {
            let Ok(request) = parsed else {
                return Way::default();
            };
            let read = Preprocessed::read(&setup, &request);
            let ours = read.own.iter().chain(&read.restored);
            let ours: SmallVec<[_; 3]> = ours.map(|value| value.span).collect();
            let mut way = Way {
                target: read.request_uri(&request).to_vec(),
                ..Way::default()
            };
            let routes = request.values(HeaderName::Route);
            for route in routes.filter(|route| !ours.contains(&route.span)) {
                join(&mut way.routes, route.text);
            }
            // Behind other proxies its sender has a route set that this request does not tell.
            if request.via_count() == 1 {
                way.sender = contact_uri(&request).to_vec();
            }
            way
        })
    }

    fn adopted(
        &self,
        cookie: &Cookie,
        side: Side,
        callee_tag: &[u8],
        message: &Message<'_>,
        way: &Way,
    ) -> CallRecord {
        let directory = &self.setup.directory;
        let uri = |value| NameAddr::parse(value).map_or(value, |address| address.uri);
        let [from, to] = by_side(side, uri(message.from()), uri(message.to()));
        let [caller_tag, _] = by_side(side, message.from_tag(), message.to_tag());
        let cseq = by_side(side, message.cseq(), 0);
        // The answer comes from the other side.
        let contact = Some(contact_uri(message)).filter(|uri| !uri.is_empty());
        let target = contact.unwrap_or(&way.target);
        let [caller_target, callee_target] = by_side(side, &way.sender[..], target);
        let [caller_routes, callee_routes] = by_side(side, &b""[..], &way.routes);
        let peer = directory
            .peers()
            .find(|peer| name_hash(&peer.name) == cookie.peer);
        let named = |(hash, units): &(u32, u16)| {
            let name = directory
                .resources()
                .find(|name| name_hash(name) == *hash)?;
            Some((name.clone(), u32::from(*units)))
        };
        let texts = CallText {
            call_id: message.call_id(),
            caller_tag: caller_tag.unwrap_or_default(),
            from,
            to,
            caller_target,
        };
        let dialog = DialogText {
            callee_tag,
            callee_target,
            caller_routes,
            callee_routes,
        };
        CallRecord {
            id: NO_ID,
            serial: cookie.serial,
            texts: (&texts).into(),
            group: peer
                .and_then(|peer| directory.group(*peer.groups.first()?))
                .map(|group| group.name.clone()),
            route: 0,
            peer: peer.map(|peer| peer.name.clone()),
            placed_by: None,
            demand: cookie.demand.iter().filter_map(named).collect(),
            since_unix_ms: u64::from(cookie.started_unix_s) * 1000,
            session_until_unix_ms: None,
            cseq,
            dialogs: smallvec::smallvec![DialogRecord {
                texts: (&dialog).into(),
                cseq,
            }],
        }
    }
}

/// The caller's and the callee's, from the sender's and the recipient's.
fn by_side<T>(sender: Side, of_sender: T, of_recipient: T) -> [T; 2] {
    match sender {
        Side::Caller => [of_sender, of_recipient],
        Side::Callee => [of_recipient, of_sender],
    }
}
