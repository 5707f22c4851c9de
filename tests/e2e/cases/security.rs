//! Nobody uses the balancer as an open relay.

use super::scene::{A_MOMENT, Scene};
use crate::agent::leg::{Leg, fresh};
use crate::agent::scripted::Agent;

/// Nobody but the sender hears of a request.
#[track_caller]
fn went_nowhere(scene: &mut Scene, victim: &mut Agent, what: &str) {
    victim.never(what, A_MOMENT, |_| true);
    scene.pbx.never(what, A_MOMENT, |_| true);
    scene.tandem.own_is("pbx", 0);
}

#[test]
fn a_request_with_a_foreign_route_goes_nowhere() {
    let mut scene = Scene::set();
    let mut victim = Agent::new("victim");
    let routes = [
        vec![format!("<sip:{};lr>", victim.address())],
        vec![
            format!("<sip:{};lr>", scene.tandem.sip),
            format!("<sip:{};lr>", victim.address()),
        ],
        vec![format!("<sip:{}>", victim.address())],
    ];
    for route in routes {
        for method in ["BYE", "INFO", "MESSAGE", "INVITE"] {
            let leg = Leg::calling(scene.caller.address(), scene.tandem.sip, "1001");
            let mut leg = leg.with_routes(route.clone());
            let bytes = leg.request(method, &[], "");
            scene.caller.send(scene.tandem.sip, &bytes);
            went_nowhere(&mut scene, &mut victim, method);
        }
    }
    scene.tandem.finish();
}

#[test]
fn a_forged_dialog_with_no_cookie_goes_nowhere() {
    let mut scene = Scene::set();
    let mut victim = Agent::new("victim");
    let target = format!("sip:{}", victim.address());
    let own = format!("<sip:{};lr>", scene.tandem.sip);
    for routes in [vec![], vec![own]] {
        for method in ["BYE", "INFO", "INVITE", "UPDATE"] {
            let mut leg = Leg::calling(scene.caller.address(), scene.tandem.sip, "1001")
                .with_routes(routes.clone())
                .with_target(&target);
            let bytes = leg.request(method, &[], "");
            let text = String::from_utf8(bytes).expect("text");
            // A To tag says that a dialog exists; none does.
            let text = text.replace("\r\nCall-ID", ";tag=forged\r\nCall-ID");
            scene.caller.send(scene.tandem.sip, text.as_bytes());
            went_nowhere(&mut scene, &mut victim, method);
        }
    }
    scene.tandem.finish();
}

/// Every single change of a character in a Route's longest word, which is its cookie.
fn tampered(route: &str) -> Vec<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let words = route.split(|c| !is_word(c));
    let cookie = words.max_by_key(|word| word.len()).unwrap_or_default();
    assert!(cookie.len() >= 16, "there is no cookie in {route}");
    let change = |at: usize| {
        let mut changed = cookie.to_owned();
        let other = if cookie[at..].starts_with('A') {
            "B"
        } else {
            "A"
        };
        changed.replace_range(at..=at, other);
        route.replace(cookie, &changed)
    };
    (0..cookie.len()).map(change).collect()
}

#[test]
fn a_cookie_with_one_character_changed_goes_nowhere() {
    let mut scene = Scene::set();
    let mut victim = Agent::new("victim");
    let up = scene.up();
    for forged in tampered(&up.near.routes()[0]) {
        let mut leg = up.near.clone().with_routes(vec![forged]);
        for target in [victim.address(), scene.pbx.address()] {
            leg = leg.with_target(&format!("sip:{target}"));
            let bytes = leg.request("INFO", &[], "");
            scene.caller.send(scene.tandem.sip, &bytes);
        }
    }
    victim.silence(A_MOMENT * 2);
    scene.pbx.silence(A_MOMENT);
    scene.tandem.holds("pbx", 1, "up");
    scene.near_hangs_up(up.near);
    scene.finish("bye");
}

#[test]
fn a_good_cookie_is_worth_nothing_under_another_call_id() {
    let mut scene = Scene::set();
    let mut victim = Agent::new("victim");
    let up = scene.up();
    for target in [victim.address(), scene.pbx.address()] {
        for method in ["BYE", "INFO", "INVITE"] {
            let leg = up.near.clone().with_call_id(&fresh("other-"));
            let mut leg = leg.with_target(&format!("sip:{target}"));
            let bytes = leg.request(method, &[], "");
            scene.caller.send(scene.tandem.sip, &bytes);
            let refused = scene.caller.last_word(method).status();
            assert!((400..500).contains(&refused), "{method}: {refused}");
        }
    }
    victim.silence(A_MOMENT);
    scene.pbx.silence(A_MOMENT);
    scene.tandem.holds("pbx", 1, "up");
    scene.near_hangs_up(up.near);
    scene.finish("bye");
}

#[test]
fn the_request_uri_of_a_trusted_caller_does_not_choose_the_way() {
    let mut scene = Scene::set();
    let mut victim = Agent::new("victim");
    let target = format!("sip:1001@{}", victim.address());
    let leg = Leg::calling(scene.caller.address(), scene.tandem.sip, "1001").with_target(&target);
    scene.caller.send(scene.tandem.sip, &leg.invite(&[], ""));
    let invite = scene.pbx.request("INVITE");
    scene.pbx.reply(&invite, 486, Some("tag"), &[], "");
    let busy = scene.caller.status(486, "INVITE");
    scene.caller.send(scene.tandem.sip, &leg.ack_refusal(&busy));
    victim.silence(A_MOMENT);
    scene.finish("rejected");
}

const STRANGERS: &str = "[trust]\nsources = [\"127.254.0.0/16\"]\n";

#[test]
fn a_source_that_is_not_trusted_gets_403_and_reaches_nobody() {
    let mut scene = Scene::set_with(&format!("{STRANGERS}unknown = \"reject\""));
    for method in ["INVITE", "MESSAGE", "REGISTER", "SUBSCRIBE"] {
        let mut leg = Leg::calling(scene.caller.address(), scene.tandem.sip, "1001");
        let bytes = leg.request(method, &[], "");
        scene.caller.send(scene.tandem.sip, &bytes);
        scene.caller.status(403, method);
    }
    scene.pbx.silence(A_MOMENT);
    scene.tandem.own_is("pbx", 0);
    scene.tandem.finish();
}

#[test]
fn a_source_that_is_not_trusted_may_be_met_with_silence() {
    let mut scene = Scene::set_with(&format!("{STRANGERS}unknown = \"drop\""));
    for method in ["INVITE", "MESSAGE", "REGISTER"] {
        let mut leg = Leg::calling(scene.caller.address(), scene.tandem.sip, "1001");
        let bytes = leg.request(method, &[], "");
        scene.caller.send(scene.tandem.sip, &bytes);
    }
    scene.caller.silence(A_MOMENT);
    scene.pbx.silence(A_MOMENT);
    scene.tandem.own_is("pbx", 0);
    let dropped = scene
        .tandem
        .metrics()
        .sum("tandem_messages_dropped_total", &[]);
    assert!(dropped >= 3.0, "drops are counted: {dropped}");
    scene.tandem.finish();
}

#[test]
fn rubbish_is_met_with_400_or_silence_and_the_next_call_works() {
    let mut scene = Scene::set();
    let sip = scene.tandem.sip;
    for rubbish in [
        b"\r\n\r\n".as_slice(),
        b"\0\0\0\0",
        b"INVITE\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"INVITE sip:a@b SIP/3.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKx\r\n\r\n",
        &[0xff; 65_000],
    ] {
        scene.caller.send(sip, rubbish);
    }
    let leg = Leg::calling(scene.caller.address(), sip, "1001");
    let text = String::from_utf8(leg.invite(&[], "")).expect("text");
    let (zero, required) = (
        text.replace("Max-Forwards: 70", "Max-Forwards: 0"),
        text.replace(
            "Max-Forwards: 70",
            "Max-Forwards: 70\r\nProxy-Require: levitation",
        )
        .replace("branch=z9hG4bK", "branch=z9hG4bKother"),
    );
    scene.caller.send(sip, zero.as_bytes());
    scene.caller.status(483, "INVITE");
    scene.caller.send(sip, required.as_bytes());
    let answer = scene.caller.status(420, "INVITE");
    assert_eq!(answer.header("Unsupported"), Some("levitation"));
    scene.pbx.silence(A_MOMENT);
    let up = scene.up();
    scene.near_hangs_up(up.near);
    scene.finish("bye");
}
