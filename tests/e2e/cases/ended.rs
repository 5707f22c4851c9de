//! Calls that are ended from here, and what is told of each side.

use serde_json::{Value, json};

use super::scene::Scene;
use crate::agent::pbx::peer_config;
use crate::agent::scripted::Agent;
use crate::harness::lock;
use crate::harness::tandem::Tandem;

/// BYE to both sides: the caller answers it, the PBX refuses.
#[track_caller]
fn both_hear_bye(caller: &mut Agent, pbx: &mut Agent) {
    let (near, far) = (caller.request("BYE"), pbx.request("BYE"));
    caller.reply(&near, 200, None, &[], "");
    pbx.reply(&far, 481, None, &[], "");
}

#[track_caller]
fn told(tandem: &Tandem, cause: &str) -> Value {
    let wanted = |data: &str| data.contains("\"what\":\"ended\"") && data.contains(cause);
    let enough = |seen: &[(u64, String)]| seen.iter().any(|(_, data)| wanted(data));
    let seen = tandem.http.events(0, enough);
    let event = seen.iter().find(|(_, data)| wanted(data));
    let event = event.expect("it was waited for");
    let event: Value = serde_json::from_str(&event.1).expect("JSON");
    assert_eq!(
        (&event["what"], &event["calls"]),
        (&json!("ended"), &json!(1))
    );
    event["ended"].clone()
}

#[test]
fn the_end_that_an_operator_makes_is_an_event_with_the_answer_of_each_side() {
    let mut scene = Scene::set();
    scene.up();
    let id = scene.tandem.calls()[0]["id"].clone();
    let path = format!("/v1/calls/{}", id.as_str().expect("an id"));
    let answer = scene.tandem.admin("DELETE", &path, &json!({}));
    assert!((200..300).contains(&answer.status), "{}", answer.text);
    both_hear_bye(&mut scene.caller, &mut scene.pbx);
    let ended = told(&scene.tandem, "ended_by_operator");
    let legs = json!([{ "to": "caller", "bye": "200" }, { "to": "callee", "bye": "481" }]);
    assert_eq!((&ended["call"], &ended["legs"]), (&id, &legs));
    assert_eq!(
        (&ended["peer"], &ended["check"]),
        (&json!("pbx"), &Value::Null)
    );
    let log = scene.tandem.log();
    assert!(log.contains("BYE to the callee: 481"), "{log}");
    scene.finish("ended_by_operator");
}

#[test]
fn a_call_that_is_too_long_is_hung_up_and_its_sides_told_of() {
    let mut scene = Scene::set_with("[timers]\ncall_max = \"1s\"");
    scene.up();
    both_hear_bye(&mut scene.caller, &mut scene.pbx);
    let ended = told(&scene.tandem, "expired");
    assert_eq!(ended["legs"][0], json!({ "to": "caller", "bye": "200" }));
    scene.finish("expired");
}

#[test]
fn callers_of_a_restarted_pbx_hear_bye_where_its_group_says_so() {
    let turn = lock::shared();
    let pbx = Agent::new("pbx");
    let fed = "capacity = { calls = 10 }\nfeedback = { token = \"token-a\" }";
    let peer = peer_config("pbx", pbx.address(), fed);
    let group = "[[group]]\nname = \"pbx\"\nend_calls_of_dead_peers = true";
    let tandem = Tandem::start(&format!("[probe]\nmode = \"off\"\n{group}\n{peer}"));
    let mut scene = Scene::of(tandem, pbx, turn);
    scene.up();
    let report = |scene: &Scene, boot: &str| {
        let report = json!({ "boot_id": boot, "resources": { "calls": { "used": 3 } } });
        let answer = scene.tandem.feedback("pbx", "token-a", &report);
        assert_eq!(answer.status, 200, "{}", answer.text);
    };
    report(&scene, "one");
    assert_eq!(scene.tandem.number("pbx", "calls", "foreign"), Some(2));
    report(&scene, "two");
    scene.tandem.own_is("pbx", 0);
    assert_eq!(scene.tandem.number("pbx", "calls", "foreign"), Some(3));
    both_hear_bye(&mut scene.caller, &mut scene.pbx);
    let ended = told(&scene.tandem, "peer_restarted");
    assert_eq!(ended["legs"][0], json!({ "to": "caller", "bye": "200" }));
    scene.finish("peer_restarted");
}
