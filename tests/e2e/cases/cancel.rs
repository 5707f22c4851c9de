//! CANCEL in every order (RFC 3261 §9, §16.10): it asks, and only a final response settles the call.

use super::scene::{A_MOMENT, Scene};
use crate::agent::leg::Leg;
use crate::agent::text::Msg;

/// The PBX obeys a CANCEL, and the refusal travels back and is acknowledged hop by hop.
#[track_caller]
fn obeyed(scene: &mut Scene, leg: &Leg, invite: &Msg, tag: &str) {
    let cancel = scene.pbx.request("CANCEL");
    assert_eq!(cancel.branch(), invite.branch(), "RFC 3261 §9.1");
    assert_eq!(cancel.uri(), invite.uri());
    scene.tandem.own_is("pbx", 1);
    scene.pbx.reply(&cancel, 200, Some(tag), &[], "");
    scene.pbx.reply(invite, 487, Some(tag), &[], "");
    let refusal = scene.caller.status(487, "INVITE");
    let sip = scene.tandem.sip;
    scene.caller.send(sip, &leg.ack_refusal(&refusal));
    assert_eq!(scene.pbx.request("ACK").branch(), invite.branch());
    scene.tandem.holds("pbx", 0, "ringing");
}

#[test]
fn a_cancel_before_any_answer_waits_for_the_first_provisional() {
    let mut scene = Scene::set();
    let (leg, invite) = scene.invited();
    scene.caller.send(scene.tandem.sip, &leg.cancel());
    scene.caller.status(200, "CANCEL");
    scene
        .pbx
        .never("a CANCEL before it said a word", A_MOMENT, |msg| {
            msg.method() == "CANCEL"
        });
    scene.tandem.own_is("pbx", 1);
    scene.pbx.reply(&invite, 100, None, &[], "");
    obeyed(&mut scene, &leg, &invite, "tag");
    scene
        .tandem
        .metric_is("tandem_calls_total", &[("outcome", "cancelled")], 1.0);
    scene.finish("cancelled");
}

#[test]
fn a_cancel_after_180_reaches_the_pbx_and_frees_the_slot_with_487() {
    let mut scene = Scene::set();
    let (leg, invite, tag) = scene.ringing();
    scene.caller.send(scene.tandem.sip, &leg.cancel());
    scene.caller.status(200, "CANCEL");
    obeyed(&mut scene, &leg, &invite, &tag);
    scene.finish("cancelled");
}

#[test]
fn a_retransmitted_cancel_is_absorbed() {
    let mut scene = Scene::set();
    let (leg, invite, tag) = scene.ringing();
    for _ in 0..2 {
        scene.caller.send(scene.tandem.sip, &leg.cancel());
        scene.caller.status(200, "CANCEL");
    }
    obeyed(&mut scene, &leg, &invite, &tag);
    scene.pbx.never("a second CANCEL", A_MOMENT, |msg| {
        msg.method() == "CANCEL" && msg.is_request()
    });
    scene.finish("cancelled");
}

#[test]
fn a_cancel_that_loses_to_200_at_the_pbx_leaves_a_live_call_until_its_bye() {
    let mut scene = Scene::set();
    let (leg, invite, tag) = scene.ringing();
    scene.caller.send(scene.tandem.sip, &leg.cancel());
    scene.caller.status(200, "CANCEL");
    let cancel = scene.pbx.request("CANCEL");
    scene.pbx.reply_invite(&invite, 200, &tag);
    scene.pbx.reply(&cancel, 200, Some(&tag), &[], "");
    let near = scene.answered(&leg);
    scene.near_hangs_up(near);
    scene.finish("bye");
}

#[test]
fn a_200_that_passed_the_proxy_first_makes_a_cancel_void() {
    let mut scene = Scene::set();
    let (leg, invite, tag) = scene.ringing();
    scene.pbx.reply_invite(&invite, 200, &tag);
    let near = scene.answered(&leg);
    scene.caller.send(scene.tandem.sip, &leg.cancel());
    let answer = scene.caller.last_word("CANCEL").status();
    assert!(answer == 200 || answer == 481, "CANCEL got {answer}");
    scene
        .pbx
        .never("a CANCEL of an answered call", A_MOMENT, |msg| {
            msg.method() == "CANCEL"
        });
    scene.tandem.holds("pbx", 1, "up");
    scene.near_hangs_up(near);
    scene.finish("bye");
}

#[test]
fn a_cancel_and_a_200_sent_at_once_leave_an_exact_count_whichever_wins() {
    let mut scene = Scene::set();
    for round in 0..10_u64 {
        let (leg, invite, tag) = scene.ringing();
        scene.pbx.reply_invite(&invite, 200, &tag);
        scene.caller.send(scene.tandem.sip, &leg.cancel());
        let near = scene.answered(&leg);
        scene.near_hangs_up(near);
        scene
            .tandem
            .metric_is("tandem_slots_released_total", &[], round as f64 + 1.0);
        scene.pbx.forget();
        scene.caller.forget();
    }
    scene.tandem.finish();
}

#[test]
fn a_cancel_of_nothing_gets_481_and_counts_nothing() {
    let mut scene = Scene::set();
    let leg = Leg::calling(scene.caller.address(), scene.tandem.sip, "1001");
    scene.caller.send(scene.tandem.sip, &leg.cancel());
    scene.caller.status(481, "CANCEL");
    scene.pbx.silence(A_MOMENT);
    scene.tandem.holds("pbx", 0, "up");
    scene.tandem.finish();
}
