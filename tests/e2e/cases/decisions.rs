//! Why a call went where it went, and why one failed: on live calls, and in the ring of decisions.

use std::time::Duration;

use serde_json::{Value, json};

use crate::agent::pbx::{Manner, Pbx};
use crate::agent::phone::Phone;
use crate::harness::lock;
use crate::harness::tandem::Tandem;

#[test]
fn decisions_that_failed_or_failed_over_are_listed_with_tries_and_reasons_and_a_live_call_with_its_own()
 {
    let _turn = lock::shared();
    let pbxes = ["a", "b"].map(Pbx::start);
    let mut config = String::from(
        "[probe]\nmode = \"off\"\n[[group]]\nname = \"pbx\"\nselect = \"priority\"\nexhausted = []\n",
    );
    config += &pbxes[0].config("capacity = { calls = 9 }\npriority = 0");
    config += &pbxes[1].config("capacity = { calls = 9 }\npriority = 1");
    config += "[[route]]\nmatch = { user = \"^9\" }\nreject = 403\n[[route]]\ngroup = \"pbx\"\n";
    let tandem = Tandem::start(&config);
    let phone = Phone::start(tandem.sip);
    let place = |user: &str| {
        let placed = phone.place(user, Some(Duration::ZERO), &[]);
        placed.outcome(Duration::from_secs(10)).status
    };
    let first = phone.call("1001");
    let list = || tandem.get("/v1/decisions")["decisions"].clone();
    assert_eq!(list(), json!([]), "placed at the first try");
    pbxes[0].becomes(Manner::Refuses(503, 0));
    let call = phone.call("1001");
    let live = tandem.calls();
    let ours = live.iter().find(|it| it["peer"] == "b").expect("on b");
    let path = format!("/v1/calls/{}", ours["id"].as_str().expect("an id"));
    let shown = tandem.get(&path);
    assert_eq!((&shown["route"], &shown["peer"]), (&json!(2), &json!("b")));
    let others = shown["others"].as_array().expect("others");
    assert_eq!((others.len(), &others[0]["peer"]), (1, &json!("a")));
    let why = others[0]["why_not"].to_string();
    assert!(
        why.contains("after 503") && why.contains("tried before"),
        "{why}"
    );

    assert_eq!(place("900"), 403);
    let off = json!({ "admin": "disabled" });
    for peer in ["/v1/peers/a", "/v1/peers/b"] {
        assert_eq!(tandem.admin("PATCH", peer, &off).status, 200);
    }
    assert_eq!(place("1001"), 503);
    let wanted = ["exhausted", "rejected", "failed_over"];
    crate::harness::wait::equal("decisions", 3, Duration::from_secs(5), || {
        list().as_array().map_or(0, Vec::len)
    });
    let list = list();
    let outcomes: Vec<&Value> = list
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| &it["outcome"])
        .collect();
    assert_eq!(outcomes, wanted, "newest first");
    let (exhausted, rejected, moved) = (&list[0], &list[1], &list[2]);
    assert_eq!(
        (&exhausted["status"], &exhausted["group"]),
        (&json!(503), &json!("pbx"))
    );
    assert_eq!(
        exhausted["others"][1]["why_not"],
        json!(["disabled by operator"])
    );
    assert_eq!(
        (&rejected["route"], &rejected["status"]),
        (&json!(1), &json!(403))
    );
    assert_eq!(rejected["call"], Value::Null);
    assert_eq!((&moved["call"], &moved["route"]), (&ours["id"], &json!(2)));
    let tries: Vec<String> = moved["attempts"]
        .as_array()
        .expect("tries")
        .iter()
        .map(|it| it["words"].to_string())
        .collect();
    assert_eq!(tries, ["\"said 503\"", "\"answered the call\""]);
    phone.hang_up_all(vec![first, call]);
    tandem.finish();
}
