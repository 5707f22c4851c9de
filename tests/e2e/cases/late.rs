//! A peer that was given up for another speaks late, and a caller that gives up in between.

use std::time::Duration;

use super::scene::A_MOMENT;
use crate::agent::leg::Leg;
use crate::agent::pbx::peer_config;
use crate::agent::scripted::Agent;
use crate::agent::text::Msg;
use crate::harness::lock::{self, Turn};
use crate::harness::tandem::Tandem;

/// `timers.try` here.
const TRY: Duration = Duration::from_millis(500);

struct Stage {
    tandem: Tandem,
    caller: Agent,
    first: Agent,
    second: Agent,
    _turn: Turn,
}

/// Two scripted peers; `first` is always asked first.
fn stage() -> Stage {
    let turn = lock::shared();
    let (first, second) = (Agent::new("first"), Agent::new("second"));
    let mut config = String::from(
        "[timers]\ntry = \"500ms\"\n[probe]\nmode = \"off\"\n[[group]]\nname = \"pbx\"\nselect = \"priority\"\n",
    );
    config += &peer_config("first", first.address(), "priority = 0");
    config += &peer_config("second", second.address(), "priority = 1");
    Stage {
        tandem: Tandem::start(&config),
        caller: Agent::new("caller"),
        first,
        second,
        _turn: turn,
    }
}

impl Stage {
    /// A call that the first peer was silent about, and that now is at the second.
    #[track_caller]
    fn failed_over(&mut self) -> (Leg, Msg, Msg) {
        let leg = Leg::calling(self.caller.address(), self.tandem.sip, "1001");
        self.caller.send(self.tandem.sip, &leg.invite(&[], ""));
        let at_first = self.first.request("INVITE");
        self.owns(1, 0);
        let at_second = self.second.request("INVITE");
        assert_ne!(at_first.branch(), at_second.branch());
        self.owns(0, 1);
        self.first.forget();
        (leg, at_first, at_second)
    }

    #[track_caller]
    fn owns(&self, first: u64, second: u64) {
        self.tandem.own_is("first", first);
        self.tandem.own_is("second", second);
    }

    /// Takes the 200 with this tag and acknowledges it.
    #[track_caller]
    fn answered(&mut self, leg: &Leg, tag: &str) -> Leg {
        let ok = self.caller.status(200, "INVITE");
        assert_eq!(ok.tag_of_to(), Some(tag));
        let dialog = leg.dialog(&ok);
        self.caller.send(dialog.next_hop(), &dialog.ack(1));
        dialog
    }
}

/// The caller hangs up one dialog with one peer.
#[track_caller]
fn hang_up(caller: &mut Agent, pbx: &mut Agent, mut dialog: Leg) {
    let bytes = dialog.request("BYE", &[], "");
    caller.send(dialog.next_hop(), &bytes);
    let bye = pbx.request("BYE");
    pbx.reply(&bye, 200, None, &[], "");
    caller.status(200, "BYE");
}

#[test]
fn a_late_200_of_a_peer_given_up_is_a_live_call_until_its_bye() {
    let mut stage = stage();
    let (leg, at_first, at_second) = stage.failed_over();
    stage.second.reply_invite(&at_second, 200, "second");
    let second = stage.answered(&leg, "second");
    stage.second.request("ACK");
    stage.first.reply_invite(&at_first, 200, "late");
    let late = stage.answered(&leg, "late");
    stage.first.request("ACK");
    stage.owns(1, 1);
    hang_up(&mut stage.caller, &mut stage.first, late);
    stage.owns(0, 1);
    hang_up(&mut stage.caller, &mut stage.second, second);
    stage.owns(0, 0);
    stage.tandem.finish();
}

#[test]
fn a_late_180_of_a_peer_given_up_is_cancelled_and_the_caller_hears_nothing_of_it() {
    let mut stage = stage();
    let (leg, at_first, at_second) = stage.failed_over();
    stage.second.reply_invite(&at_second, 200, "second");
    let second = stage.answered(&leg, "second");
    stage.second.request("ACK");
    stage.first.reply_invite(&at_first, 180, "late");
    let cancel = stage.first.request("CANCEL");
    assert_eq!(cancel.branch(), at_first.branch());
    stage.first.reply(&cancel, 200, Some("late"), &[], "");
    stage.first.reply(&at_first, 487, Some("late"), &[], "");
    stage.first.request("ACK");
    stage
        .caller
        .never("a final of the peer given up", A_MOMENT, |msg| {
            msg.status() >= 200
        });
    stage.owns(0, 1);
    hang_up(&mut stage.caller, &mut stage.second, second);
    stage.owns(0, 0);
    stage.tandem.finish();
}

#[test]
fn a_late_refusal_of_a_peer_given_up_changes_nothing() {
    let mut stage = stage();
    let (leg, at_first, at_second) = stage.failed_over();
    stage.second.reply_invite(&at_second, 180, "second");
    stage.caller.status(180, "INVITE");
    stage.first.reply(&at_first, 503, Some("late"), &[], "");
    stage.first.request("ACK");
    stage.caller.silence(A_MOMENT);
    stage.owns(0, 1);
    stage.second.reply_invite(&at_second, 200, "second");
    let second = stage.answered(&leg, "second");
    stage.second.request("ACK");
    hang_up(&mut stage.caller, &mut stage.second, second);
    stage.owns(0, 0);
    stage.tandem.finish();
}

#[test]
fn a_call_that_was_cancelled_is_not_tried_elsewhere() {
    let mut stage = stage();
    let leg = Leg::calling(stage.caller.address(), stage.tandem.sip, "1001");
    stage.caller.send(stage.tandem.sip, &leg.invite(&[], ""));
    stage.first.request("INVITE");
    stage.caller.send(stage.tandem.sip, &leg.cancel());
    stage.caller.status(200, "CANCEL");
    stage.second.silence(TRY * 2);
    let refusal = stage.caller.status(487, "INVITE");
    let ack = leg.ack_refusal(&refusal);
    stage.caller.send(stage.tandem.sip, &ack);
    stage.owns(0, 0);
    stage.tandem.finish();
}

#[test]
fn a_cancel_after_failover_goes_to_the_second_peer() {
    let mut stage = stage();
    let (leg, _, at_second) = stage.failed_over();
    stage.second.reply_invite(&at_second, 180, "second");
    stage.caller.status(180, "INVITE");
    stage.caller.send(stage.tandem.sip, &leg.cancel());
    stage.caller.status(200, "CANCEL");
    let cancel = stage.second.request("CANCEL");
    stage.second.reply(&cancel, 200, Some("second"), &[], "");
    stage.second.reply(&at_second, 487, Some("second"), &[], "");
    let refusal = stage.caller.status(487, "INVITE");
    let ack = leg.ack_refusal(&refusal);
    stage.caller.send(stage.tandem.sip, &ack);
    stage.second.request("ACK");
    stage.owns(0, 0);
    stage.tandem.finish();
}

#[test]
fn a_ringing_peer_that_then_fails_is_replaced_by_the_next() {
    let mut stage = stage();
    let leg = Leg::calling(stage.caller.address(), stage.tandem.sip, "1001");
    stage.caller.send(stage.tandem.sip, &leg.invite(&[], ""));
    let at_first = stage.first.request("INVITE");
    stage.first.reply_invite(&at_first, 180, "first");
    stage.caller.status(180, "INVITE");
    stage.first.reply(&at_first, 500, Some("first"), &[], "");
    stage.first.request("ACK");
    let at_second = stage.second.request("INVITE");
    stage.owns(0, 1);
    stage.second.reply_invite(&at_second, 200, "second");
    let second = stage.answered(&leg, "second");
    stage.second.request("ACK");
    hang_up(&mut stage.caller, &mut stage.second, second);
    stage.owns(0, 0);
    stage.tandem.finish();
}
