//! Calls get their dialogs, and their end.

use std::time::Instant;

use super::core::Core;
use super::port::Notice;
use super::preprocess::recorded_by;
use crate::balance::EndCause;
use crate::call::{Call, CallKey, CallStage, Checked, Dialog, DialogText};
use crate::sip::{HeaderName, Message, NameAddr, Value};

impl Core {
    /// The dialog that a 2xx confirms; a retransmission adds nothing.
    pub(super) fn add_dialog(&mut self, call: CallKey, message: &Message<'_>) {
        let tag = message.to_tag().unwrap_or_default();
        let Some(serial) = self.calls.get(call).map(|call| call.serial) else {
            return;
        };
        let routes = self.routes_around_us(message, serial);
        let Some(call) = self.calls.get_mut(call) else {
            return;
        };
        if call.dialog_mut(tag).is_none()
            && call.dialogs.len() < crate::base::limits::DIALOGS_PER_CALL_MAX
        {
            let text = DialogText {
                callee_tag: tag,
                callee_target: super::begin::contact_uri(message),
                caller_routes: &routes.caller,
                callee_routes: &routes.callee,
            };
            let cseq = [message.cseq(), 0];
            call.dialogs.push(Dialog::new((&text).into(), cseq));
        }
    }

    /// The Record-Route of a 2xx, split at ourselves: what stands above is nearer to the callee, below to the caller. Of a
    /// spiral's turns through us only that of this call is ours, the others are hops like any.
    fn routes_around_us(&self, message: &Message<'_>, serial: u32) -> Routes {
        let mut routes = Routes::default();
        let mut above: Vec<Value<'_>> = Vec::new();
        let mut passed = false;
        for value in message.values(HeaderName::RecordRoute) {
            let uri = NameAddr::parse(value.text)
                .map(|address| address.uri)
                .unwrap_or_default();
            if recorded_by(&self.setup, uri) == Some(serial) {
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

    /// The call is over: its slots come back, and nothing of it stays.
    pub(super) fn end_call(&mut self, now: Instant, call: CallKey, cause: EndCause) {
        let cancelled = |call: &Call| {
            call.closing.is_some() && call.state().stage() == Some(CallStage::Ringing)
        };
        if let Some(call) = self.calls.get(call).filter(|call| cancelled(call)) {
            let notice = super::farewell::ended(call, cause);
            self.notice(Notice::Ended(Box::new(notice)));
        }
        if let Some(ended) = self.calls.end(call, cause) {
            self.timers.cancel(ended.deadline);
            if let Checked::Due { timer, .. } = ended.checked {
                self.timers.cancel(timer);
            }
            self.doubt_the_end_of(&ended, cause);
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

/// Adds a value to a list.
pub(super) fn join(list: &mut Vec<u8>, value: &[u8]) {
    if !list.is_empty() {
        list.extend_from_slice(b", ");
    }
    list.extend_from_slice(value);
}
