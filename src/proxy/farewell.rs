//! What becomes of the BYEs by which we end a call, told once all of them have come out. The call itself may be gone by then.

use std::time::Instant;

use super::core::Core;
use super::own_request::{OwnRequest, What};
use super::port::{Ended, Leg, Notice, Reply};
use crate::balance::EndCause;
use crate::call::{Call, CallId, CallKey, Side};

/// A call that we end, and its BYEs.
pub(super) struct Farewell {
    ended: Ended,
    /// BYEs without a final response.
    open: usize,
}

impl Core {
    /// BYE to these sides of every dialog from `from` on.
    pub(super) fn say_bye(
        &mut self,
        now: Instant,
        key: CallKey,
        cause: EndCause,
        from: usize,
        sides: &[Side],
    ) {
        let Some(call) = self.calls.get(key) else {
            return;
        };
        let (id, ended) = (call.id, ended(call, cause));
        let dialogs = call.dialogs.iter().skip(from);
        let tags: Vec<Box<[u8]>> = dialogs.map(|it| it.callee_tag().into()).collect();
        let farewell = Farewell { ended, open: 0 };
        self.farewells.entry(id).or_insert(farewell);
        for callee_tag in tags {
            for to in sides {
                self.send_bye(now, key, id, callee_tag.clone(), *to);
            }
        }
        self.tell_farewell(id);
    }

    /// Sends a BYE to one side in the other's name.
    fn send_bye(
        &mut self,
        now: Instant,
        key: CallKey,
        id: CallId,
        callee_tag: Box<[u8]>,
        to: Side,
    ) {
        let Some(farewell) = self.farewells.get_mut(&id) else {
            return;
        };
        let leg = farewell.ended.legs.len();
        farewell.ended.legs.push(Leg { to, bye: None });
        let own = OwnRequest {
            call: key,
            callee_tag,
            to,
            what: What::Bye { of: id, leg },
        };
        if !self.start_own(now, own) {
            return;
        }
        if let Some(farewell) = self.farewells.get_mut(&id) {
            farewell.open += 1;
        }
        self.one_bye_more(key);
    }

    /// A BYE of ours has its final response, or never will; `None`: it could not be sent.
    pub(super) fn bye_came_out(
        &mut self,
        now: Instant,
        own: &OwnRequest,
        (of, leg): (CallId, usize),
        reply: Option<Reply>,
    ) {
        if let Some(farewell) = self.farewells.get_mut(&of) {
            if let Some(leg) = farewell.ended.legs.get_mut(leg) {
                leg.bye = reply;
            }
            farewell.open -= 1;
        }
        self.tell_farewell(of);
        self.one_bye_less(now, own.call);
    }

    fn tell_farewell(&mut self, id: CallId) {
        if self.farewells.get(&id).is_some_and(|it| it.open == 0)
            && let Some(farewell) = self.farewells.remove(&id)
        {
            self.notice(Notice::Ended(Box::new(farewell.ended)));
        }
    }
}

/// What is told of a call's end.
pub(super) fn ended(call: &Call, cause: EndCause) -> Ended {
    Ended {
        call: call.id,
        group: call.group,
        peer: call.peer(),
        cause,
        check: None,
        legs: Vec::new(),
    }
}
