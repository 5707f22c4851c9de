//! Retransmissions, lost ACKs and every way of hanging up: the count follows the call, once.

use super::scene::{A_MOMENT, Scene};
use crate::agent::leg::fresh;

#[test]
fn a_retransmitted_invite_is_one_call_and_gets_the_last_provisional_again() {
    let mut scene = Scene::set();
    let (leg, invite) = scene.invited();
    scene.caller.send(scene.tandem.sip, &leg.invite(&[], ""));
    scene.pbx.silence(A_MOMENT);
    let tag = fresh("t");
    scene.pbx.reply_invite(&invite, 180, &tag);
    scene.caller.status(180, "INVITE");
    scene.caller.send(scene.tandem.sip, &leg.invite(&[], ""));
    scene.caller.status(180, "INVITE");
    scene.tandem.holds("pbx", 1, "ringing");
    scene.pbx.reply_invite(&invite, 200, &tag);
    let near = scene.answered(&leg);
    // After the 200 the server transaction is Accepted and absorbs it (RFC 6026 §7.1).
    scene.caller.send(scene.tandem.sip, &leg.invite(&[], ""));
    scene.pbx.silence(A_MOMENT);
    scene.tandem.holds("pbx", 1, "up");
    scene.near_hangs_up(near);
    scene.finish("bye");
}

#[test]
fn a_refused_call_is_acknowledged_hop_by_hop_and_counted_out() {
    let mut scene = Scene::set();
    let (leg, invite, tag) = scene.ringing();
    scene.pbx.reply(&invite, 486, Some(&tag), &[], "");
    scene.pbx.request("ACK");
    let busy = scene.caller.status(486, "INVITE");
    scene.caller.send(scene.tandem.sip, &leg.ack_refusal(&busy));
    scene.tandem.holds("pbx", 0, "ringing");
    scene.pbx.reply(&invite, 486, Some(&tag), &[], "");
    scene.pbx.request("ACK");
    scene.caller.silence(A_MOMENT);
    scene
        .tandem
        .metric_is("tandem_calls_total", &[("outcome", "rejected")], 1.0);
    scene.finish("rejected");
}

#[test]
fn a_retransmitted_200_is_passed_on_and_each_ack_too() {
    let mut scene = Scene::set();
    let up = scene.up();
    for _ in 0..2 {
        scene.pbx.reply_invite(&up.invite, 200, &up.tag);
        scene.caller.status(200, "INVITE");
        scene.caller.send(up.near.next_hop(), &up.near.ack(1));
        scene.pbx.request("ACK");
        scene.tandem.holds("pbx", 1, "up");
    }
    scene.near_hangs_up(up.near);
    scene.finish("bye");
}

#[test]
fn a_lost_ack_is_made_up_by_the_next_200() {
    let mut scene = Scene::set();
    let (leg, invite, tag) = scene.ringing();
    scene.pbx.reply_invite(&invite, 200, &tag);
    scene.caller.status(200, "INVITE");
    scene.tandem.holds("pbx", 1, "up");
    scene.pbx.silence(A_MOMENT);
    scene.pbx.reply_invite(&invite, 200, &tag);
    let near = scene.answered(&leg);
    scene.near_hangs_up(near);
    scene.finish("bye");
}

#[test]
fn a_call_that_is_never_acknowledged_ends_with_the_bye_of_the_pbx() {
    let mut scene = Scene::set();
    let (_, invite, tag) = scene.ringing();
    scene.pbx.reply_invite(&invite, 200, &tag);
    scene.caller.status(200, "INVITE");
    let mut far = crate::agent::leg::Leg::called(scene.pbx.address(), &invite, &tag);
    scene.far_asks(&mut far, "BYE", &[], 200);
    scene.tandem.holds("pbx", 0, "up");
    scene.finish("bye");
}

#[test]
fn a_bye_of_the_caller_is_counted_out_once_however_often_it_comes() {
    let mut scene = Scene::set();
    let mut up = scene.up();
    let bye = up.near.request("BYE", &[], "");
    scene.caller.send(up.near.next_hop(), &bye);
    let request = scene.pbx.request("BYE");
    scene.caller.send(up.near.next_hop(), &bye);
    scene.pbx.never("the BYE again", A_MOMENT, |msg| {
        msg.method() == "BYE" && msg.branch() != request.branch()
    });
    scene.tandem.own_is("pbx", 1);
    scene.tandem.states_are(&["ending"]);
    scene.pbx.forget();
    scene.pbx.reply(&request, 200, None, &[], "");
    scene.caller.status(200, "BYE");
    scene.tandem.holds("pbx", 0, "up");
    scene.caller.send(up.near.next_hop(), &bye);
    scene.caller.status(200, "BYE");
    scene.pbx.silence(A_MOMENT);
    scene.tandem.holds("pbx", 0, "up");
    scene.finish("bye");
}

#[test]
fn a_bye_of_the_pbx_ends_the_call() {
    let mut scene = Scene::set();
    let mut up = scene.up();
    assert_eq!(
        up.far.next_hop(),
        scene.tandem.sip,
        "Record-Route serves the PBX too"
    );
    scene.far_asks(&mut up.far, "BYE", &[], 200);
    scene.tandem.holds("pbx", 0, "up");
    scene.finish("bye");
}

#[test]
fn two_byes_that_cross_end_one_call_once() {
    let mut scene = Scene::set();
    let mut up = scene.up();
    let (near_bye, far_bye) = (
        up.near.request("BYE", &[], ""),
        up.far.request("BYE", &[], ""),
    );
    scene.caller.send(up.near.next_hop(), &near_bye);
    scene.pbx.send(up.far.next_hop(), &far_bye);
    let (at_pbx, at_caller) = (scene.pbx.request("BYE"), scene.caller.request("BYE"));
    scene.tandem.own_is("pbx", 1);
    scene.pbx.reply(&at_pbx, 200, None, &[], "");
    scene.caller.reply(&at_caller, 200, None, &[], "");
    scene.caller.status(200, "BYE");
    scene.pbx.status(200, "BYE");
    scene.tandem.holds("pbx", 0, "up");
    scene.finish("bye");
}

#[test]
fn a_challenged_bye_leaves_the_call_up_until_the_next_one_is_accepted() {
    let mut scene = Scene::set();
    let mut up = scene.up();
    let challenge = ["WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n\""];
    let bytes = up.near.request("BYE", &[], "");
    scene.caller.send(up.near.next_hop(), &bytes);
    let bye = scene.pbx.request("BYE");
    scene.tandem.states_are(&["ending"]);
    scene.pbx.reply(&bye, 401, None, &challenge, "");
    let answer = scene.caller.status(401, "BYE");
    assert!(answer.header("WWW-Authenticate").is_some());
    scene.tandem.holds("pbx", 1, "up");
    let credentials = [
        "Authorization: Digest username=\"a\", realm=\"pbx\", nonce=\"n\", uri=\"sip:pbx\", response=\"0\"",
    ];
    let bytes = up.near.request("BYE", &credentials, "");
    scene.caller.send(up.near.next_hop(), &bytes);
    let bye = scene.pbx.request("BYE");
    assert!(bye.header("Authorization").is_some());
    scene.pbx.reply(&bye, 200, None, &[], "");
    scene.caller.status(200, "BYE");
    scene.tandem.holds("pbx", 0, "up");
    scene.finish("bye");
}

#[test]
fn a_bye_that_the_pbx_does_not_know_ends_the_call_too() {
    let mut scene = Scene::set();
    let mut up = scene.up();
    scene.near_asks(&mut up.near, "BYE", &[], 481);
    scene.tandem.holds("pbx", 0, "up");
    scene.finish("bye");
}
