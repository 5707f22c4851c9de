//! A new request: its route, its context, and, for an INVITE, its call.

use bytes::Bytes;
use smallvec::SmallVec;
use std::time::Instant;

use super::context::{Context, Ladder, Purpose};
use super::core::{Core, CoreTimer};
use super::preprocess::Preprocessed;
use super::reject::{Reject, reply_address};
use super::request::Incoming;
use super::route::{Decision, RouteAction, decide};
use super::stats::{DropReason, Outcome};
use crate::balance::{Demand, GroupId, Mark};
use crate::base::limits::{RETRY_AFTER_FULL, TRYING_AFTER};
use crate::call::{CallKey, CallText, CallTexts, Held, NewCall};
use crate::sip::{HeaderName, Message, Method, NameAddr};
use crate::transaction::ContextKey;

/// The way that the routes chose.
enum Way {
    /// A group's ladder.
    Group(GroupId),
    /// A URI.
    Uri(Option<String>),
}

/// What the routes say of a new request.
struct Plan {
    way: Way,
    demand: Demand,
    overflow: bool,
    count_source: bool,
    route: u16,
}

impl Core {
    /// Takes a new request into a context and sends it on.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        incoming: Incoming<'_, '_>,
        preprocessed: &Preprocessed<'_>,
    ) -> Result<(), Reject> {
        let plan = self.plan(incoming, preprocessed);
        let plan = plan.inspect_err(|reject| self.refused(now, incoming, reject.status))?;
        let ladder = match &plan.way {
            Way::Group(group) => Some(Ladder::new(*group, plan.demand.clone(), plan.overflow)),
            Way::Uri(_) => None,
        };
        let group = ladder.as_ref().map(|ladder| ladder.group);
        let invite = incoming.message.method() == Method::Invite;
        let key = self.open_context(now, incoming, Purpose::Plain { ladder: None }, group)?;
        let purpose = if invite {
            let placed_by = incoming.caller.peer.filter(|_| plan.count_source);
            let texts = call_texts(incoming.message);
            let call = self.open_call(now, incoming, &plan, group, key, texts.clone());
            let serial = self.calls.get(call).map_or(0, |call| call.serial);
            Purpose::Call {
                key: call,
                serial,
                demand: plan.demand.clone(),
                placed_by,
                texts,
                ladder,
            }
        } else {
            Purpose::Plain { ladder }
        };
        if let Some(context) = self.contexts.get_mut(key) {
            context.purpose = purpose;
        }
        match plan.way {
            Way::Group(_) => self.climb(now, key, incoming.message, preprocessed),
            Way::Uri(Some(uri)) => {
                self.go_to_uri(now, key, incoming.message, preprocessed, uri.as_bytes());
            }
            Way::Uri(None) => {
                let uri = preprocessed
                    .next_uri()
                    .unwrap_or_else(|| preprocessed.request_uri(incoming.message));
                self.go_to_uri(now, key, incoming.message, preprocessed, uri);
            }
        }
        Ok(())
    }

    fn plan(
        &self,
        incoming: Incoming<'_, '_>,
        preprocessed: &Preprocessed<'_>,
    ) -> Result<Plan, Reject> {
        let calls = self.setup.directory.resource_named("calls");
        let one_call = calls
            .map(Demand::one)
            .ok_or_else(|| Reject::unavailable(RETRY_AFTER_FULL))?;
        let plain = |way| Plan {
            way,
            demand: one_call.clone(),
            overflow: false,
            count_source: true,
            route: 0,
        };
        // A peer that names the way beyond us is taken at its word.
        if preprocessed.next.is_some() {
            return Ok(plain(Way::Uri(None)));
        }
        match decide(&self.setup, incoming.message, &incoming.caller) {
            Decision::RequestUri
                if super::preprocess::own_uri(&self.setup, incoming.message.uri()) =>
            {
                Err(Reject::new(404))
            }
            Decision::RequestUri => Ok(plain(Way::Uri(None))),
            Decision::FirstGroup(group) => Ok(plain(Way::Group(group))),
            Decision::None => Err(Reject::new(404)),
            Decision::Route(route) => {
                let way = match &route.action {
                    RouteAction::Group(group) => Way::Group(*group),
                    RouteAction::Uri(uri) => Way::Uri(Some(uri.clone())),
                    RouteAction::Reject(status) => return Err(Reject::new(*status)),
                };
                Ok(Plan {
                    way,
                    demand: route.demand.clone(),
                    overflow: route.overflow,
                    count_source: route.count_source,
                    route: u16::try_from(route.number).unwrap_or(u16::MAX),
                })
            }
        }
    }

    /// Opens the server transaction and the context around it.
    pub(super) fn open_context(
        &mut self,
        now: Instant,
        incoming: Incoming<'_, '_>,
        purpose: Purpose,
        group: Option<GroupId>,
    ) -> Result<ContextKey, Reject> {
        let (message, source) = (incoming.message, incoming.caller.source);
        let reply_to = reply_address(message, source);
        let server = self
            .transactions
            .open_server(now, message, incoming.listener, reply_to, None);
        let Ok(server) = server else {
            self.dropped(DropReason::TableFull);
            return Err(Reject::unavailable(RETRY_AFTER_FULL));
        };
        let request = Bytes::copy_from_slice(message.bytes());
        let key = self.contexts.insert(Context {
            server,
            request: request.clone(),
            method: message.method(),
            listener: incoming.listener,
            source,
            reply_to,
            since: now,
            purpose,
            group,
            branches: SmallVec::new(),
            alternatives: SmallVec::new(),
            best: None,
            challenges: Vec::new(),
            cancelled: None,
            settled: false,
            answered_tags: SmallVec::new(),
            rang: false,
            timer: None,
            resolving: None,
        });
        self.transactions.set_context(server, key);
        if message.method() == Method::Invite {
            // RFC 3261 §17.2.1: 100 only if nothing else goes back within 200 ms.
            self.transactions
                .trying_at(server, now + TRYING_AFTER, request, source);
        }
        Ok(key)
    }

    fn open_call(
        &mut self,
        now: Instant,
        incoming: Incoming<'_, '_>,
        plan: &Plan,
        group: Option<GroupId>,
        context: ContextKey,
        texts: CallTexts,
    ) -> CallKey {
        let message = incoming.message;
        let placed = incoming
            .caller
            .peer
            .filter(|_| plan.count_source)
            .map(|peer| self.ledger.readmit(peer, &plan.demand, Mark::PlacedByPeer));
        let deadline = now + self.setup.timing.call_max;
        let new = NewCall {
            texts,
            held: Held {
                target: None,
                placed,
            },
            group,
            route: plan.route,
            demand: plan.demand.clone(),
            since: now,
            since_unix_ms: self.unix_ms(now),
            cseq: message.cseq(),
            context,
            ends_at: deadline,
        };
        let timers = &mut self.timers;
        self.calls
            .insert(None, new, |key| timers.arm(deadline, CoreTimer::Call(key)))
    }

    /// Counts how a new call's set-up came out.
    pub(super) fn came_out(&mut self, group: Option<GroupId>, outcome: Outcome) {
        self.stats.group(group).outcomes[outcome.index()] += 1;
    }
}

/// The URI of the Contact; empty when there is none.
pub(super) fn contact_uri<'a>(message: &Message<'a>) -> &'a [u8] {
    let contact = message.values(HeaderName::Contact).next();
    contact
        .and_then(|value| NameAddr::parse(value.text))
        .map_or(&[], |address| address.uri)
}

/// The texts of a call, from its INVITE.
pub(super) fn call_texts(message: &Message<'_>) -> CallTexts {
    let uri_of = |value| NameAddr::parse(value).map_or(value, |address| address.uri);
    let text = CallText {
        call_id: message.call_id(),
        caller_tag: message.from_tag().unwrap_or_default(),
        from: uri_of(message.from()),
        to: uri_of(message.to()),
        caller_target: contact_uri(message),
    };
    (&text).into()
}
