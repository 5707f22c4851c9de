//! What happens inside a call: forks, early media, re-INVITE, UPDATE, INFO, REFER, both ways.

use super::scene::{A_MOMENT, Scene};
use crate::agent::leg::Leg;

#[test]
fn a_pbx_that_forks_holds_one_slot_until_the_last_dialog_ends() {
    let mut scene = Scene::set();
    let (leg, invite) = scene.invited();
    let contact = format!("Contact: <sip:pbx@{}>", scene.pbx.address());
    for tag in ["one", "two"] {
        scene.pbx.reply(&invite, 183, Some(tag), &[&contact], "");
        scene.caller.status(183, "INVITE");
    }
    let mut dialogs = Vec::new();
    for tag in ["one", "two"] {
        scene.pbx.reply_invite(&invite, 200, tag);
        let ok = scene.caller.status(200, "INVITE");
        assert_eq!(ok.tag_of_to(), Some(tag));
        let dialog = leg.dialog(&ok);
        scene.caller.send(dialog.next_hop(), &dialog.ack(1));
        assert_eq!(scene.pbx.request("ACK").tag_of_to(), Some(tag));
        scene.tandem.holds("pbx", 1, "up");
        dialogs.push(dialog);
    }
    let second = dialogs.pop().expect("two dialogs");
    let mut first = dialogs.pop().expect("two dialogs");
    scene.near_asks(&mut first, "BYE", &[], 200);
    scene.tandem.holds("pbx", 1, "up");
    scene.near_hangs_up(second);
    scene.finish("bye");
}

#[test]
fn early_media_with_prack_passes_both_ways_and_counts_one_ringing_call() {
    let mut scene = Scene::set();
    let (leg, invite) = scene.invited();
    let contact = format!("Contact: <sip:pbx@{}>", scene.pbx.address());
    let extra = [contact.as_str(), "Require: 100rel", "RSeq: 7"];
    let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
    scene.pbx.reply(&invite, 183, Some("early"), &extra, sdp);
    let progress = scene.caller.status(183, "INVITE");
    assert_eq!(progress.body, sdp.as_bytes());
    assert_eq!(progress.header("RSeq"), Some("7"));
    let mut early = leg.dialog(&progress);
    assert_eq!(early.next_hop(), scene.tandem.sip);
    scene.near_asks(&mut early, "PRACK", &["RAck: 7 1 INVITE"], 200);
    scene.tandem.holds("pbx", 1, "ringing");
    scene.near_asks(&mut early, "UPDATE", &[], 200);
    let mut far = Leg::called(scene.pbx.address(), &invite, "early");
    scene.far_asks(&mut far, "UPDATE", &[], 200);
    scene.tandem.holds("pbx", 1, "ringing");
    scene.pbx.reply_invite(&invite, 200, "early");
    scene.answered(&leg);
    scene.near_asks(&mut early, "BYE", &[], 200);
    scene.tandem.holds("pbx", 0, "up");
    scene.finish("bye");
}

#[test]
fn a_reinvite_passes_both_ways_and_counts_nothing() {
    let mut scene = Scene::set();
    let mut up = scene.up();
    let ok = scene.near_asks(&mut up.near, "INVITE", &[], 200);
    scene
        .caller
        .send(up.near.next_hop(), &up.near.ack(ok.cseq()));
    assert_eq!(scene.pbx.request("ACK").cseq(), ok.cseq());
    scene.tandem.holds("pbx", 1, "up");
    let ok = scene.far_asks(&mut up.far, "INVITE", &[], 200);
    scene.pbx.send(up.far.next_hop(), &up.far.ack(ok.cseq()));
    assert_eq!(scene.caller.request("ACK").cseq(), ok.cseq());
    scene.tandem.holds("pbx", 1, "up");
    scene.near_hangs_up(up.near);
    scene.finish("bye");
}

#[test]
fn a_refused_reinvite_leaves_the_call_up() {
    let mut scene = Scene::set();
    let mut up = scene.up();
    for status in [491, 488, 503] {
        let bytes = up.near.request("INVITE", &[], "");
        scene.caller.send(up.near.next_hop(), &bytes);
        let invite = scene.pbx.request("INVITE");
        scene.pbx.reply(&invite, status, None, &[], "");
        scene.pbx.request("ACK");
        let refusal = scene.caller.last_word("INVITE");
        assert!(refusal.status() >= 400);
        let text = String::from_utf8(bytes).expect("text");
        let ack = text
            .replacen("INVITE ", "ACK ", 1)
            .replace(" INVITE\r\n", " ACK\r\n");
        scene.caller.send(up.near.next_hop(), ack.as_bytes());
        scene.tandem.holds("pbx", 1, "up");
    }
    scene.caller.silence(A_MOMENT);
    scene.near_hangs_up(up.near);
    scene.finish("bye");
}

#[test]
fn requests_of_every_kind_pass_both_ways_inside_a_call() {
    let mut scene = Scene::set();
    let mut up = scene.up();
    for (method, extra, status) in [
        ("UPDATE", "Supported: timer", 200),
        ("INFO", "Info-Package: dtmf", 200),
        ("MESSAGE", "X-Kind: text", 202),
        ("REFER", "Refer-To: <sip:2002@example.com>", 202),
        ("NOTIFY", "Event: refer", 200),
        ("JUGGLE", "X-Balls: 5", 200),
    ] {
        let there = scene.near_asks(&mut up.near, method, &[extra], status);
        assert_eq!(there.status(), status);
        scene.far_asks(&mut up.far, method, &[extra], status);
        scene.tandem.holds("pbx", 1, "up");
    }
    scene.near_hangs_up(up.near);
    scene.finish("bye");
}

#[test]
fn a_refer_brings_its_notify_back_and_the_call_lives_until_bye() {
    let mut scene = Scene::set();
    let mut up = scene.up();
    let refer = ["Refer-To: <sip:2002@example.com?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>"];
    scene.near_asks(&mut up.near, "REFER", &refer, 202);
    for state in ["active", "terminated"] {
        let subscription = format!("Subscription-State: {state}");
        scene.far_asks(&mut up.far, "NOTIFY", &["Event: refer", &subscription], 200);
    }
    scene.tandem.holds("pbx", 1, "up");
    scene.far_asks(&mut up.far, "BYE", &[], 200);
    scene.tandem.holds("pbx", 0, "up");
    scene.finish("bye");
}

#[test]
fn an_operator_may_end_a_call_and_both_sides_get_a_bye() {
    let mut scene = Scene::set();
    let _up = scene.up();
    let id = scene.tandem.calls()[0]["id"].clone();
    let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
    let answer = scene
        .tandem
        .admin("DELETE", &format!("/v1/calls/{id}"), &serde_json::json!({}));
    assert!(answer.status < 300, "{}", answer.text);
    let (at_pbx, at_caller) = (scene.pbx.request("BYE"), scene.caller.request("BYE"));
    scene.pbx.reply(&at_pbx, 200, None, &[], "");
    scene.caller.reply(&at_caller, 200, None, &[], "");
    scene.tandem.holds("pbx", 0, "up");
    scene.finish("ended_by_operator");
}
