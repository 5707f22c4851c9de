//! CANCEL (RFC 3261 §9.2, §16.10): it asks, and may lose.

use std::time::Instant;

use super::core::Core;
use super::reject::{Reject, reply_address};
use super::request::Incoming;
use crate::balance::EndCause;
use crate::transaction::ContextKey;

impl Core {
    pub(super) fn cancel(&mut self, now: Instant, incoming: Incoming<'_, '_>) {
        let (message, source) = (incoming.message, incoming.caller.source);
        let Some(invite) = self.transactions.find_cancelled(message) else {
            // Whoever may not call need not learn which calls there are.
            let refused = match self.may_call(now, &incoming.caller) {
                Ok(()) => super::trust::Refused::Answer(Reject::new(481)),
                Err(refused) => refused,
            };
            return self.answer_refused(incoming, refused);
        };
        let reply_to = reply_address(message, source);
        if let Ok(server) =
            self.transactions
                .open_server(now, message, incoming.listener, reply_to, None)
        {
            self.build_reject(message, source, &Reject::new(200));
            let payload = bytes::Bytes::copy_from_slice(&self.buffer);
            self.transactions.respond(now, server, 200, payload);
        }
        if let Some(key) = self.transactions.server_context(invite) {
            self.cancel_branches(now, key, EndCause::Cancelled);
        }
    }

    /// The request is not wanted any more. Only its final response settles it, unless nobody was asked yet.
    pub(super) fn cancel_branches(&mut self, now: Instant, key: ContextKey, cause: EndCause) {
        let Some(context) = self.contexts.get_mut(key) else {
            return;
        };
        if context.settled || context.cancelled.is_some() {
            return;
        }
        context.cancelled = Some(cause);
        context.alternatives.clear();
        let live: smallvec::SmallVec<[_; 2]> = context
            .branches
            .iter()
            .filter(|branch| branch.is_live())
            .map(|branch| branch.client)
            .collect();
        for client in &live {
            self.transactions.cancel(now, *client);
        }
        if live.is_empty() {
            self.settle_cancelled(now, key);
        }
    }
}
