//! Requests within a dialog: forwarded with a good cookie or for a dialog that we know, never otherwise.

use std::time::Instant;

use super::begin::contact_uri;
use super::context::Purpose;
use super::core::Core;
use super::forward::Hop;
use super::preprocess::{CookieState, Preprocessed};
use super::reject::Reject;
use super::request::Incoming;
use super::stats::DropReason;
use super::trust::Refused;
use super::waiting::{Place, Waiting, next_place};
use crate::balance::{EndCause, Observation};
use crate::call::{Call, CallEvent, CallKey, Cookie, Side};
use crate::sip::{Message, Method};
use crate::transaction::ContextKey;

/// The dialog that a request belongs to, as far as it is known.
struct Belonging {
    call: Option<CallKey>,
    side: Side,
}

impl Core {
    pub(super) fn in_dialog(
        &mut self,
        now: Instant,
        incoming: Incoming<'_, '_>,
        preprocessed: &Preprocessed<'_>,
    ) -> Result<(), Refused> {
        let belonging = self.belonging(incoming, preprocessed)?;
        self.validate(incoming, preprocessed)
            .map_err(Refused::Answer)?;
        let message = incoming.message;
        let callee_tag = match belonging.side {
            Side::Caller => message.to_tag(),
            Side::Callee => message.from_tag(),
        };
        let callee_tag = callee_tag.unwrap_or_default();
        if let Some(call) = belonging.call.and_then(|key| self.calls.get_mut(key)) {
            call.heard = now;
            let seen = call.cseq_mut(belonging.side);
            *seen = message.cseq().max(*seen);
            if let Some(dialog) = call.dialog_mut(callee_tag) {
                dialog.saw(belonging.side, message.cseq());
            }
        }
        if let Some(peer) = incoming.caller.peer {
            self.ledger.report(now, peer, Observation::Alive);
        }
        let uri = preprocessed
            .next_uri()
            .unwrap_or_else(|| preprocessed.request_uri(message));
        if message.method() == Method::Ack {
            self.forward_ack(now, incoming, preprocessed, uri);
            return Ok(());
        }
        if let (CookieState::Good(cookie, _), None, Method::Bye) =
            (&preprocessed.cookie, belonging.call, message.method())
        {
            self.over_after_all(cookie.serial, message.call_id());
        }
        let purpose = Purpose::InDialog {
            call: belonging.call,
            side: belonging.side,
            callee_tag: callee_tag.into(),
            cookie: match (&preprocessed.cookie, belonging.call) {
                (CookieState::Good(cookie, _), None) => Some(Box::new(cookie.clone())),
                (CookieState::Good(..) | CookieState::None | CookieState::Bad, _) => None,
            },
        };
        let key = self
            .open_context(now, incoming, purpose, None)
            .map_err(Refused::Answer)?;
        self.dialog_request_sent(key, message);
        self.go_to_uri(now, key, message, preprocessed, uri);
        Ok(())
    }

    fn belonging(
        &mut self,
        incoming: Incoming<'_, '_>,
        preprocessed: &Preprocessed<'_>,
    ) -> Result<Belonging, Refused> {
        let message = incoming.message;
        match &preprocessed.cookie {
            CookieState::Good(cookie, side) => {
                return Ok(Belonging {
                    call: self.call_of(message, *side, cookie),
                    side: *side,
                });
            }
            CookieState::Bad => return Err(self.stray(incoming, 403)),
            CookieState::None => {}
        }
        if preprocessed.next.is_some() {
            return Err(self.stray(incoming, 403));
        }
        // A user agent that does not keep to its route set: the dialog itself must be one of ours.
        let (from, to) = (
            message.from_tag().unwrap_or_default(),
            message.to_tag().unwrap_or_default(),
        );
        let of = |call: &Call, caller: &[u8], callee: &[u8]| {
            let dialog = |dialog: &crate::call::Dialog| dialog.callee_tag() == callee;
            call.caller_tag() == caller && call.dialogs.iter().any(dialog)
        };
        let by = |side, caller, callee| {
            let key = self
                .calls
                .find(message.call_id(), |call| of(call, caller, callee))?;
            Some(Belonging {
                call: Some(key),
                side,
            })
        };
        let known = by(Side::Caller, from, to).or_else(|| by(Side::Callee, to, from));
        known.ok_or_else(|| self.stray(incoming, 481))
    }

    /// A request that belongs to no dialog of ours goes nowhere; who may not call hears as little as ever.
    fn stray(&mut self, incoming: Incoming<'_, '_>, status: u16) -> Refused {
        if incoming.message.method() == Method::Ack {
            self.dropped(DropReason::StrayAck);
            return Refused::Silence;
        }
        let trusted =
            incoming.caller.peer.is_some() || self.setup.trust.covers(incoming.caller.source.ip());
        if trusted {
            Refused::Answer(Reject::new(status))
        } else {
            self.untrusted()
        }
    }

    /// The live call that a good cookie names. Spirals share Call-ID and tags, hence the number; siblings share
    /// the number, hence the dialog.
    fn call_of(&self, message: &Message<'_>, side: Side, cookie: &Cookie) -> Option<CallKey> {
        let (from, to) = (
            message.from_tag().unwrap_or_default(),
            message.to_tag().unwrap_or_default(),
        );
        let (caller, callee) = match side {
            Side::Caller => (from, to),
            Side::Callee => (to, from),
        };
        let same = |call: &Call| call.serial == cookie.serial && call.caller_tag() == caller;
        let dialog = |call: &Call| {
            call.dialogs
                .iter()
                .any(|dialog| dialog.callee_tag() == callee)
        };
        let exact = self
            .calls
            .find(message.call_id(), |call| same(call) && dialog(call));
        exact.or_else(|| self.calls.find(message.call_id(), same))
    }

    fn forward_ack(
        &mut self,
        now: Instant,
        incoming: Incoming<'_, '_>,
        preprocessed: &Preprocessed<'_>,
        uri: &[u8],
    ) {
        let mut hop = Hop {
            message: incoming.message,
            preprocessed,
            source: incoming.caller.source,
            from: incoming.listener,
            to: incoming.listener,
            recording: None,
        };
        match next_place(incoming.message, uri) {
            Place::At(destination) => {
                hop.to = self.setup.listener_towards(destination, incoming.listener);
                self.send_stateless(&hop, destination);
            }
            Place::Name(name) => {
                let (listener, payload) = (hop.to, self.build_stateless(&hop));
                self.wait_for(now, name, Waiting::Ack { listener, payload });
            }
            Place::Nowhere => self.dropped(DropReason::Unresolved),
        }
    }

    /// A BYE goes out: its dialog is ending.
    fn dialog_request_sent(&mut self, key: ContextKey, message: &Message<'_>) {
        let Some(context) = self.contexts.get(key) else {
            return;
        };
        let Purpose::InDialog {
            call: Some(call),
            callee_tag,
            ..
        } = &context.purpose
        else {
            return;
        };
        let call = *call;
        let Some(live) = self.calls.get_mut(call) else {
            return;
        };
        if message.method() != Method::Bye {
            return;
        }
        if let Some(dialog) = live.dialog_mut(callee_tag) {
            dialog.bye_sent();
            if live.all_ending() {
                self.calls.step(call, CallEvent::ByeSent);
            }
        }
    }

    /// A target refresh is accepted: it carried its sender's Contact, and its 2xx that of the other side (RFC 3261 §12.2).
    pub(super) fn target_refreshed(
        &mut self,
        now: Instant,
        key: ContextKey,
        message: &Message<'_>,
    ) {
        let Some(context) = self.contexts.get(key) else {
            return;
        };
        if !matches!(context.method, Method::Invite | Method::Update) {
            return;
        }
        let Purpose::InDialog {
            call: Some(call),
            side,
            callee_tag,
            ..
        } = &context.purpose
        else {
            return;
        };
        let (call, side, callee_tag) = (*call, *side, callee_tag.clone());
        let request = context.request.clone();
        let Some(live) = self.calls.get_mut(call) else {
            return;
        };
        live.heard = now;
        refresh(live, side.other(), &callee_tag, contact_uri(message));
        self.with_parsed(&request, |core, parsed| {
            if let (Ok(request), Some(live)) = (parsed, core.calls.get_mut(call)) {
                refresh(live, side, &callee_tag, contact_uri(&request));
            }
        });
        self.session_refreshed(now, call, message);
        self.call_changed(now, call);
    }

    /// A request within a dialog has its final response. A BYE's ends the dialog, unless it is a challenge; with its last
    /// dialog ends the call. A second BYE finds nothing left to end.
    pub(super) fn dialog_request_finished(&mut self, now: Instant, key: ContextKey, status: u16) {
        let Some(context) = self.contexts.get(key) else {
            return;
        };
        if context.method != Method::Bye {
            return;
        }
        let Purpose::InDialog {
            call: Some(call),
            callee_tag,
            ..
        } = &context.purpose
        else {
            return;
        };
        let call = *call;
        let Some(live) = self.calls.get_mut(call) else {
            return;
        };
        let Some(dialog) = live.dialog_mut(callee_tag) else {
            return;
        };
        if matches!(status, 401 | 407) {
            dialog.bye_challenged();
        } else {
            live.dialogs
                .retain(|dialog| dialog.callee_tag() != &callee_tag[..]);
        }
        if live.dialogs.is_empty() {
            let cause = live.closing.map_or(EndCause::Bye, |closing| closing.cause);
            self.end_call(now, call, cause);
        } else if !live.all_ending() {
            self.calls.step(call, CallEvent::ByeUndone);
            self.call_changed(now, call);
        }
    }
}

/// The side's new remote target; without a Contact it keeps the one it has.
fn refresh(call: &mut Call, side: Side, callee_tag: &[u8], contact: &[u8]) {
    if contact.is_empty() {
        return;
    }
    match side {
        Side::Caller => call.refresh(contact),
        Side::Callee => {
            if let Some(dialog) = call.dialog_mut(callee_tag) {
                dialog.refresh(contact);
            }
        }
    }
}
