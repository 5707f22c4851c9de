//! What an operator does on the page with mouse and keys is done, as the API tells.

use serde_json::{Value, json};

use super::farm::{Farm, SHOWN, card};
use crate::harness::wait;

impl Farm {
    /// Clicks a button on a peer's card and waits for what the card says of it.
    #[track_caller]
    fn clicks(&self, peer: &str, button: &str, said: &str) {
        self.browser
            .one(&card(
                peer,
                &format!(".operate button[aria-label=\"{button} {peer}\"]"),
            ))
            .click();
        self.says(
            &card(peer, ".operate .said"),
            &format!("{button} {peer}: {said}"),
        );
    }

    /// What the API tells of a peer at a JSON pointer.
    fn told(&self, peer: &str, place: &str) -> Value {
        self.tandem
            .peer(peer)
            .pointer(place)
            .cloned()
            .unwrap_or_default()
    }
}

#[test]
fn clicks_disable_enable_resize_and_drain_to_a_deadline_with_the_token_alone() {
    let farm = Farm::start();
    let _held = farm.holds(12);
    let peer = "pbx-b";
    farm.browser.one(&card(peer, ".operate > summary")).click();
    farm.clicks(peer, "Disable", "refused. ");
    assert_eq!(farm.told(peer, "/admin"), "enabled");
    let focus = farm.browser.run("return document.activeElement.id", &[]);
    assert_eq!(focus, "token", "what is missing has the focus");
    farm.complains(&["401"]);
    farm.browser.one(&card(peer, ".operate > summary")).click();

    farm.operates(peer);
    farm.clicks(peer, "Disable", "done.");
    assert_eq!(farm.told(peer, "/admin"), "disabled");
    farm.state_is(peer, "disabled");
    farm.clicks(peer, "Enable", "done.");
    assert_eq!(farm.told(peer, "/admin"), "enabled");
    farm.state_is(peer, "takes new calls");

    let own = farm.tandem.own(peer);
    assert!(own > 0, "it holds calls");
    let units = farm
        .browser
        .one(&card(peer, ".operate input[aria-label^=New]"));
    units.type_in(&own.to_string());
    farm.clicks(peer, "Resize", "done.");
    assert_eq!(farm.told(peer, "/resources/calls/capacity"), json!(own));
    farm.state_is(peer, "full");

    let minutes = farm.browser.one(&card(peer, ".operate input[type=number]"));
    minutes.type_in("60");
    farm.clicks(peer, "Drain", "done.");
    let left = farm
        .told(peer, "/drain/deadline_in_seconds")
        .as_f64()
        .expect("a deadline");
    assert!((3500.0..=3600.0).contains(&left), "{left}");
    farm.state_is(peer, "draining");
    farm.says(
        &card(peer, ".facts"),
        &format!("draining: {own} calls left"),
    );
    farm.says(&card(peer, ".facts"), "the rest is ended in 59\u{a0}min");
    minutes.clear();
    minutes.type_in("0.02");
    farm.clicks(peer, "Drain", "done.");
    farm.state_is(peer, "drained");
    assert_eq!(farm.told(peer, "/drain/state"), "drained");
    farm.says("#events", &format!("{peer}: drain draining → drained"));
    farm.tandem.own_is(peer, 0);
    farm.finish();
}

#[test]
fn a_call_is_found_by_its_caller_and_tells_why_there_and_a_refused_one_is_listed() {
    let farm = Farm::start();
    let _held = farm.holds(20);
    wait::equal("rows", 20, SHOWN, || farm.browser.all("#calls tr").len());
    let search = farm.browser.one("#search");
    search.type_in("sip:2007@");
    farm.says("#calls-shown", "1 shown of 1 found among 20 calls");
    farm.says("#calls tr td[data-label=From]", "sip:2007@");
    let peer = farm.browser.text("#calls tr td[data-label=Peer]");
    farm.browser.one("#calls tr summary").click();
    farm.says("#calls tr details p", "Not pbx-");
    let why = farm.browser.text("#calls tr details p");
    assert!(!why.contains(&format!("Not {peer}:")), "{why}");
    search.clear();
    search.type_in("nobody");
    farm.says("#calls-shown", "0 shown of 0 found");

    farm.says("#decisions", "None yet.");
    farm.is_refused("900");
    farm.says("#decisions li", "refused by its route; the caller got 403");
    farm.says("#decisions li b", "rejected");
    farm.says("#decisions li small", "route 1");
    farm.finish();
}
