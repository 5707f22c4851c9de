//! Why a call went where it went, and why one failed: on live calls, and in the ring of decisions.

use std::time::Duration;

use serde_json::{Value, json};

use crate::agent::pbx::{Manner, Pbx};
use crate::agent::phone::Phone;
use crate::harness::lock;
use crate::harness::tandem::Tandem;
use crate::harness::wait;

struct House {
    pbxes: [Pbx; 2],
    tandem: Tandem,
    phone: Phone,
    _turn: lock::Turn,
}

/// The first peer takes every call that it can; calls to 9 are refused.
fn house() -> House {
    let turn = lock::shared();
    let pbxes = ["a", "b"].map(Pbx::start);
    let mut config = String::from(
        "[probe]\nmode = \"off\"\n[[group]]\nname = \"pbx\"\nselect = \"priority\"\nexhausted = []\n",
    );
    config += &pbxes[0].config("capacity = { calls = 9 }\npriority = 0");
    config += &pbxes[1].config("capacity = { calls = 9 }\npriority = 1");
    config += "[[route]]\nmatch = { user = \"^9\" }\nreject = 403\n[[route]]\ngroup = \"pbx\"\n";
    let tandem = Tandem::start(&config);
    let phone = Phone::start(tandem.sip);
    House {
        pbxes,
        tandem,
        phone,
        _turn: turn,
    }
}

impl House {
    /// How a call to this user comes out.
    fn place(&self, user: &str) -> u16 {
        let placed = self.phone.place(user, Some(Duration::ZERO), &[]);
        placed.outcome(Duration::from_secs(10)).status
    }

    /// So many decisions, newest first.
    #[track_caller]
    fn decisions(&self, count: usize) -> Vec<Value> {
        let list = || {
            self.tandem.get("/v1/decisions")["decisions"]
                .as_array()
                .cloned()
        };
        let length = || list().map_or(0, |list| list.len());
        wait::equal("decisions", count, Duration::from_secs(5), length);
        list().expect("a list")
    }
}

#[test]
fn a_live_call_tells_its_route_and_why_it_is_with_no_other_peer() {
    let house = house();
    let first = house.phone.call("1001");
    house.decisions(0);
    house.pbxes[0].becomes(Manner::Refuses(503, 0));
    let second = house.phone.call("1001");
    let live = house.tandem.calls();
    let ours = live.iter().find(|it| it["peer"] == "b").expect("on b");
    let path = format!("/v1/calls/{}", ours["id"].as_str().expect("an id"));
    let shown = house.tandem.get(&path);
    assert_eq!((&shown["route"], &shown["peer"]), (&json!(2), &json!("b")));
    let others = shown["others"].as_array().expect("others");
    assert_eq!((others.len(), &others[0]["peer"]), (1, &json!("a")));
    let why = others[0]["why_not"].to_string();
    assert!(
        why.contains("after 503") && why.contains("tried before"),
        "{why}"
    );
    let moved = &house.decisions(1)[0];
    assert_eq!((&moved["call"], &moved["route"]), (&ours["id"], &json!(2)));
    assert_eq!(
        (&moved["outcome"], &moved["status"]),
        (&json!("failed_over"), &json!(200))
    );
    let tries = moved["attempts"].as_array().expect("tries");
    let tries: Vec<&Value> = tries.iter().map(|it| &it["words"]).collect();
    assert_eq!(tries, ["said 503", "answered the call"]);
    house.phone.hang_up_all(vec![first, second]);
    house.tandem.finish();
}

#[test]
fn calls_that_a_route_refuses_or_that_find_no_peer_are_listed_with_the_reasons() {
    let house = house();
    assert_eq!(house.place("900"), 403);
    for peer in ["/v1/peers/a", "/v1/peers/b"] {
        let off = json!({ "admin": "disabled" });
        assert_eq!(house.tandem.admin("PATCH", peer, &off).status, 200);
    }
    assert_eq!(house.place("1001"), 503);
    let list = house.decisions(2);
    let (exhausted, rejected) = (&list[0], &list[1]);
    assert_eq!(
        (&exhausted["outcome"], &exhausted["status"]),
        (&json!("exhausted"), &json!(503))
    );
    assert_eq!(exhausted["group"], "pbx");
    for other in exhausted["others"].as_array().expect("both peers") {
        assert_eq!(other["why_not"], json!(["disabled by operator"]));
    }
    assert_eq!(
        (&rejected["outcome"], &rejected["status"]),
        (&json!("rejected"), &json!(403))
    );
    assert_eq!(
        (&rejected["route"], &rejected["call"]),
        (&json!(1), &Value::Null)
    );
    assert_eq!(
        rejected["words"],
        "refused by its route; the caller got 403"
    );
    house.tandem.finish();
}
