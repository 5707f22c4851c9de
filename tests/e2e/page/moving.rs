//! The page follows what happens, without being loaded again.

use std::time::Duration;

use serde_json::json;

use super::farm::{CARRIERS, Farm, OFFICE, SHOWN, card};
use crate::harness::wait;

/// A killed PBX is found within two probes (500 ms between them, 400 ms for an answer) and told of within a second; the
/// rest is for a busy machine.
const FOUND: Duration = Duration::from_secs(5);

impl Farm {
    /// The own units of `calls` that a card tells.
    fn own(&self, peer: &str) -> u64 {
        let words = self
            .browser
            .text(&card(peer, "[data-resource=calls] .units"));
        let own = words.split(" own").next().and_then(|own| own.parse().ok());
        own.unwrap_or_else(|| panic!("{peer}: {words}"))
    }

    /// How wide the bar of own units is, in per cent.
    fn bar(&self, peer: &str) -> f64 {
        let selector = card(peer, "[data-resource=calls] .bar .own");
        let width = "return parseFloat(document.querySelector(arguments[0]).style.width)";
        self.browser
            .run(width, &[json!(selector)])
            .as_f64()
            .unwrap_or(-1.0)
    }

    /// Lines of a list that hold these words.
    fn lines(&self, list: &str, words: &str) -> u64 {
        let count = "return [...document.querySelectorAll(arguments[0])].filter((line) => line.textContent.includes(arguments[1])).length";
        let found = self
            .browser
            .run(count, &[json!(format!("{list} > li")), json!(words)]);
        found.as_u64().unwrap_or(0)
    }
}

#[test]
fn bars_move_while_sipp_calls_and_a_killed_peer_is_told_down_without_a_reload() {
    let mut farm = Farm::start();
    assert_eq!(OFFICE.map(|peer| farm.bar(peer)), [0.0; 4]);
    farm.browser.run("window.loaded = true", &[]);
    let mut passing = farm.callers("1001", 60, 20, Duration::from_secs(1));
    for peer in OFFICE {
        wait::until(&format!("the bar of {peer} moves"), SHOWN, || {
            (farm.bar(peer) > 0.0).then_some(())
        });
    }
    let rate = || {
        farm.browser
            .text("#totals")
            .contains("Calls given to peers0.0a second")
    };
    assert!(!rate(), "calls a second");
    let group = |name: &str| {
        farm.browser
            .text(&format!("[data-group={name}] > :last-child"))
    };
    let idle = "0.0\u{a0}new calls a second · 0 failovers since the start";
    assert_eq!(group("carriers"), idle);
    let busy = group("office");
    assert!(
        busy != idle && busy.ends_with(" · 0 failovers since the start"),
        "{busy}"
    );
    passing.succeeds(SHOWN);
    let _held = farm.holds(20);
    for peer in OFFICE.iter().chain(&CARRIERS) {
        let counted = farm.tandem.own(peer);
        wait::equal(&format!("own of {peer}"), counted, SHOWN, || farm.own(peer));
        let width = counted as f64 * 100.0
            / farm
                .tandem
                .number(peer, "calls", "capacity")
                .expect("limited") as f64;
        assert!(
            (farm.bar(peer) - width).abs() < 0.1,
            "{peer}: {width} % expected"
        );
    }
    farm.says("#totals", "Live calls200 ringing, 20 up, 0 ending");
    assert_eq!(farm.lines("#events", "pbx-d: health up → down"), 0);

    farm.kill("pbx-d");
    let word = || farm.browser.text(&card("pbx-d", ".head .pill"));
    wait::equal("the word for pbx-d", "down".to_owned(), FOUND, word);
    farm.says(&card("pbx-d", ".why"), "down: ");
    farm.says(&card("pbx-d", ".health"), "Alivedown");
    wait::equal("events", 1, SHOWN, || {
        farm.lines("#events", "pbx-d: health up → down")
    });
    assert_eq!(
        farm.browser.run("return window.loaded", &[]),
        json!(true),
        "it was loaded again"
    );
    farm.finish();
}

#[test]
fn lines_begin_before_the_page_was_opened() {
    let farm = Farm::start();
    let _held = farm.holds(8);
    let own = farm.tandem.own("pbx-a");
    assert!(own > 0, "it holds calls");
    wait::equal("the server's last look", json!(own), SHOWN, || {
        let history = farm.tandem.get("/v1/history");
        let looks = history["peers"]["pbx-a"].as_array().cloned();
        looks.and_then(|mut looks| looks.pop()).unwrap_or_default()
    });
    // What this page sees itself is the same all the time.
    farm.open();
    let line = "return document.querySelector(arguments[0]).getAttribute('aria-label')";
    let told = farm
        .browser
        .run(line, &[json!(card("pbx-a", ".spark svg"))]);
    let told = told.as_str().expect("it has a name");
    let range = format!("lowest 0, highest {own}, now {own}");
    assert!(told.ends_with(&range), "{told}");
    farm.finish();
}

#[test]
fn a_page_whose_server_was_away_says_so_and_lives_on_with_it() {
    let farm = Farm::start();
    let _held = farm.holds(4);
    farm.patch("trunk-2", &json!({ "admin": "disabled" }));
    let before = "trunk-2: admin enabled → disabled";
    wait::equal("events", 1, SHOWN, || farm.lines("#events", before));
    farm.browser.run("window.loaded = true", &[]);
    let (ended, rest) = farm.crash();
    let gone = || {
        rest.browser
            .text("#state")
            .contains("the server does not answer")
    };
    wait::equal("it says so", true, SHOWN, gone);
    let farm = Farm::again(ended, rest);
    farm.says("#state", "Live: takes new calls");
    farm.state_is("trunk-2", "disabled");
    farm.patch("trunk-2", &json!({ "admin": "enabled" }));
    let after = "trunk-2: admin disabled → enabled";
    wait::equal("events come again", 1, SHOWN, || {
        farm.lines("#events", after)
    });
    farm.state_is("trunk-2", "takes new calls");
    assert_eq!(
        farm.browser.run("return window.loaded", &[]),
        json!(true),
        "it was loaded again"
    );
    farm.complains(&["net::ERR_"]);
    farm.finish();
}
