//! What a core holds, counted one by one: for tests that ask whether all of it will end.

use super::context::{Context, Purpose};
use super::core::Core;
use crate::balance::{Demand, PeerId, Slot};
use crate::call::{Call, CallKey, CallStage};
use crate::transaction::ContextKey;

/// How much a core holds, and what of it nothing would ever end.
#[derive(Clone, Debug, Default)]
pub struct Census {
    /// Live calls.
    pub calls: usize,
    /// Response contexts.
    pub contexts: usize,
    /// Transactions, client and server.
    pub transactions: usize,
    /// Requests that wait for the addresses of a name.
    pub waiting: usize,
    /// Requests of our own within dialogs without a final response.
    pub own: usize,
    /// Those of them that only ask whether a call lives, and those that wait for a name.
    pub checks: usize,
    /// Probes without an answer.
    pub probes: usize,
    /// Timers of the core's own, those of transactions not counted.
    pub timers: usize,
    /// The slots that the calls hold.
    pub held: Vec<(PeerId, Demand)>,
    /// What waits for something that will not come, in words. Never any.
    pub stranded: Vec<String>,
}

impl Core {
    /// Looks at everything that is held. Slow: it goes through all of it.
    pub fn census(&self) -> Census {
        let counts = self.transactions.counts();
        let slots = self.live().filter_map(|call| call.state().held());
        Census {
            calls: self.calls.len(),
            contexts: self.contexts.len(),
            transactions: counts.server + counts.client,
            waiting: self.waiting.len(),
            own: self.own.len(),
            checks: self.checking.under_way(),
            probes: self
                .probing
                .as_ref()
                .map_or(0, super::probing::Probing::under_way),
            timers: self.timers.len(),
            held: slots
                .flat_map(|held| [&held.target, &held.placed])
                .flatten()
                .map(|slot: &Slot| (slot.peer(), slot.demand().clone()))
                .collect(),
            stranded: self.stranded().collect(),
        }
    }

    /// The live calls, in no order.
    pub fn live(&self) -> impl Iterator<Item = &Call> {
        self.calls.iter().map(|(_, call)| call)
    }

    /// What is held and waits for something that will not come, in words. Never any.
    pub fn stranded(&self) -> impl Iterator<Item = String> {
        let calls = self.calls.iter();
        let contexts = self.contexts.iter();
        calls
            .filter_map(|(key, call)| self.stranded_call(key, call))
            .chain(contexts.filter_map(|(key, context)| self.stranded_context(key, context)))
    }

    /// What is wrong with a call: no deadline, or nobody whose answer would settle it.
    fn stranded_call(&self, key: CallKey, call: &Call) -> Option<String> {
        let ringing = call.state().stage() == Some(CallStage::Ringing);
        let wrong = if !self.timers.is_armed(call.deadline) {
            "has no deadline"
        } else if ringing && !self.contexts.contains_key(call.context) {
            "rings without a context"
        } else if !ringing && call.dialogs.is_empty() {
            "is up without a dialog"
        } else if call.closing.is_some_and(|closing| closing.byes == 0) && !ringing {
            "is ended from here, and no BYE is under way"
        } else {
            return None;
        };
        Some(format!("call {key:?} {wrong}: {call:?}"))
    }

    /// What is wrong with a context: nothing is to come that would settle or end it.
    fn stranded_context(&self, key: ContextKey, context: &Context) -> Option<String> {
        let comes = |branch: &super::context::BranchState| {
            self.transactions.owner_of(branch.client).is_some()
        };
        let open = context.branches.iter().filter(|branch| !branch.is_closed());
        let resolving = context
            .resolving
            .is_some_and(|token| self.waiting.contains_key(&token));
        let waits = resolving || open.clone().any(|branch| branch.is_live());
        let wrong = if !open.clone().all(comes) {
            "waits for a branch that is gone"
        } else if !context.settled && !waits {
            "waits for nothing"
        } else if context.settled && open.clone().count() == 0 {
            "is done"
        } else if context
            .timer
            .is_some_and(|timer| !self.timers.is_armed(timer))
        {
            "counts on a timer that has gone"
        } else {
            return None;
        };
        let purpose = match &context.purpose {
            Purpose::Call { .. } => "call",
            Purpose::InDialog { .. } => "dialog",
            Purpose::Plain { .. } => "plain",
        };
        Some(format!("context {key:?} ({purpose}) {wrong}"))
    }
}
