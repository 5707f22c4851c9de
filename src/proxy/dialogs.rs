//! Calls get their dialogs, and their end.

use bytes::Bytes;
use std::time::Instant;

use super::begin::call_text;
use super::context::Purpose;
use super::core::{Core, CoreTimer};
use super::preprocess::own_uri;
use crate::balance::{Demand, EndCause, Slot};
use crate::call::{Attempt, AttemptOutcome, CallKey, Dialog, DialogText, Held, NewCall};
use crate::sip::{HeaderName, Message, NameAddr, Value};
use crate::transaction::ContextKey;

impl Core {
    /// The dialog that a 2xx confirms; a retransmission adds nothing.
    pub(super) fn add_dialog(&mut self, call: CallKey, message: &Message<'_>) {
        let tag = message.to_tag().unwrap_or_default();
        let routes = self.routes_around_us(message);
        let Some(call) = self.calls.get_mut(call) else {
            return;
        };
        if call.dialog_mut(tag).is_none()
            && call.dialogs.len() < crate::base::limits::DIALOGS_PER_CALL_MAX
        {
            call.dialogs.push(Dialog::new(&DialogText {
                callee_tag: tag,
                callee_target: super::begin::contact_uri(message),
                caller_routes: &routes.caller,
                callee_routes: &routes.callee,
            }));
        }
    }

    /// The Record-Route of a 2xx, split at ourselves: what stands above is nearer to the callee, below to the caller.
    fn routes_around_us(&self, message: &Message<'_>) -> Routes {
        let mut routes = Routes::default();
        let mut above: Vec<Value<'_>> = Vec::new();
        let mut passed = false;
        for value in message.values(HeaderName::RecordRoute) {
            let uri = NameAddr::parse(value.text)
                .map(|address| address.uri)
                .unwrap_or_default();
            if own_uri(&self.setup, uri) {
                passed = true;
            } else if passed {
                join(&mut routes.caller, value.text);
            } else {
                above.push(value);
            }
        }
        for value in above.iter().rev() {
            join(&mut routes.callee, value.text);
        }
        routes
    }

    /// A call of its own for a branch that was given up and answered after all.
    pub(super) fn open_sibling(
        &mut self,
        now: Instant,
        key: ContextKey,
        peer: Option<crate::balance::PeerId>,
        request: &Bytes,
        slot: impl FnOnce(&Demand) -> Option<Slot>,
    ) -> Option<CallKey> {
        let context = self.contexts.get(key)?;
        let Purpose::Call { serial, ladder, .. } = &context.purpose else {
            return None;
        };
        let demand = ladder.as_ref().map(|ladder| ladder.demand.clone())?;
        let (serial, group, since) = (*serial, context.group, context.since);
        let (since_unix_ms, deadline) = (self.unix_ms(since), now + self.setup.timing.call_max);
        self.with_parsed(request, |core, parsed| {
            let message = parsed.ok()?;
            let new = NewCall {
                text: call_text(&message),
                held: Held {
                    target: slot(&demand),
                    placed: None,
                },
                group,
                route: 0,
                demand,
                since,
                since_unix_ms,
                cseq: message.cseq(),
                context: key,
                ends_at: deadline,
            };
            let timers = &mut core.timers;
            let call = core.calls.insert(Some(serial), new, |key| {
                timers.arm(deadline, CoreTimer::Call(key))
            });
            if let Some(call) = core.calls.get_mut(call) {
                call.attempts.push(Attempt {
                    peer,
                    outcome: AttemptOutcome::Answered,
                });
            }
            Some(call)
        })
    }

    /// The call is over: its slots come back, and nothing of it stays.
    pub(super) fn end_call(&mut self, now: Instant, call: CallKey, cause: EndCause) {
        if let Some(ended) = self.calls.end(call, cause) {
            self.timers.cancel(ended.deadline);
            self.call_gone(now, &ended);
        }
    }
}

/// Route sets, as `Route` values joined by commas, first hop first.
#[derive(Default)]
struct Routes {
    caller: Vec<u8>,
    callee: Vec<u8>,
}

fn join(list: &mut Vec<u8>, value: &[u8]) {
    if !list.is_empty() {
        list.extend_from_slice(b", ");
    }
    list.extend_from_slice(value);
}
