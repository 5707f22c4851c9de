//! A busy farm, and pictures of its page: `scripts/screenshots` makes those of `docs/img`.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::farm::{Farm, SHOWN, card};
use crate::harness::http::Client;
use crate::harness::sipp::Sipp;
use crate::harness::wait;

/// How long a picture's lines grow before it is taken.
const HISTORY: Duration = Duration::from_secs(45);
/// Of each picture, in pixels.
const HEIGHT: u32 = 1280;

/// A farm of peers in unlike states.
pub struct Busy {
    pub farm: Farm,
    _callers: Vec<Sipp>,
    stop: Arc<AtomicBool>,
    reports: Option<JoinHandle<()>>,
}

/// pbx-a well and with calls of its own, pbx-b full, pbx-c draining to a deadline, pbx-d dead, trunk-1 well, trunk-2
/// without fresh feedback; calls up, one refused.
#[track_caller]
pub fn busy(mut farm: Farm) -> Busy {
    let answer = farm
        .tandem
        .feedback("trunk-2", "token-trunk-2", &report(1, 3, 0.9));
    assert_eq!(answer.status, 200, "{}", answer.text);
    let held = farm.holds(36);
    let own = farm.tandem.own("pbx-b");
    farm.patch("pbx-b", &json!({ "capacity": { "calls": own } }));
    farm.patch(
        "pbx-c",
        &json!({ "admin": "draining", "deadline_seconds": 1800 }),
    );
    let stop = Arc::new(AtomicBool::new(false));
    let reports = Some(report_on(&farm, &stop));
    let mut callers = vec![held];
    farm.is_refused("900");
    for (user, cps) in [("1001", 2), ("5001", 4)] {
        callers.push(farm.callers(user, 100_000, cps, Duration::from_secs(3)));
    }
    let given = || farm.tandem.own("pbx-d") > own;
    wait::equal("pbx-d gets more", true, SHOWN, given);
    farm.kill("pbx-d");
    farm.state_is("pbx-a", "takes new calls");
    farm.state_is("pbx-b", "full");
    farm.state_is("pbx-c", "draining");
    farm.state_is("pbx-d", "down");
    farm.says(
        "article[data-peer='trunk-2'] .facts",
        "stale: without effect",
    );
    farm.says("article[data-peer='pbx-a'] .units", " foreign");
    farm.says("#decisions", "rejected");
    Busy {
        farm,
        _callers: callers,
        stop,
        reports,
    }
}

impl Busy {
    #[track_caller]
    pub fn finish(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.reports
            .take()
            .expect("until now")
            .join()
            .expect("all reports were taken");
        self.farm.finish();
    }
}

/// A report with calls of the peer's own beside ours, and its CPU.
fn report(seq: u64, used: u64, cpu_idle: f64) -> Value {
    json!({ "seq": seq, "cpu_idle": cpu_idle, "resources": { "calls": { "used": used } } })
}

/// pbx-a and trunk-1 report themselves twice a second.
fn report_on(farm: &Farm, stop: &Arc<AtomicBool>) -> JoinHandle<()> {
    let http = Client::new(&format!("http://{}", farm.tandem.http.authority()));
    let stop = Arc::clone(stop);
    std::thread::spawn(move || {
        let mut seq = 0;
        while !stop.load(Ordering::Relaxed) {
            seq += 1;
            for (peer, foreign, cpu_idle) in [("pbx-a", 5, 0.7), ("trunk-1", 2, 0.95)] {
                let own =
                    http.get(&format!("/v1/peers/{peer}")).json()["resources"]["calls"]["own"]
                        .as_u64()
                        .unwrap_or(0);
                let path = format!("/v1/peers/{peer}/feedback");
                let answer = http.send(
                    "POST",
                    &path,
                    Some(&format!("token-{peer}")),
                    &report(seq, own + foreign, cpu_idle),
                );
                assert_eq!(answer.status, 200, "{}", answer.text);
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    })
}

/// Writes the pictures, once there is something in them to see.
#[track_caller]
pub fn take(busy: &Busy, folder: &Path) {
    let farm = &busy.farm;
    let end = Instant::now() + HISTORY;
    wait::until("a history", HISTORY + SHOWN, || {
        (Instant::now() > end).then_some(())
    });
    farm.browser.size(1280, 900);
    let opened = [
        card("trunk-1", "summary"),
        "#calls tr:first-child summary".to_owned(),
    ];
    let turn = || opened.iter().for_each(|it| farm.browser.one(it).click());
    turn();
    farm.says("#calls tr:first-child details p", "Not pbx-");
    let rest = card("pbx-d", "");
    for (name, scheme, width, from) in [
        ("page-light", "light", 1280, "body"),
        ("page-dark", "dark", 1280, rest.as_str()),
        ("page-phone", "light", 380, "body"),
    ] {
        farm.browser.scheme(scheme);
        farm.browser.size(width, HEIGHT);
        let scroll = "document.activeElement.blur(); document.querySelector(arguments[0]).scrollIntoView(); scrollBy(0, scrollY && -12)";
        farm.browser.run(scroll, &[json!(from)]);
        let picture = farm.browser.picture();
        std::fs::write(folder.join(format!("{name}.png")), picture).expect("written");
    }
    farm.browser.size(1280, 900);
    turn();
}
