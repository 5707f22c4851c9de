//! Capacity-weighted spread under load, with SIPp on both sides.

use std::time::{Duration, Instant};

use crate::harness::lock;
use crate::harness::sipp::{Load, Sipp};
use crate::harness::tandem::Tandem;
use crate::harness::wait;

const CAPACITIES: [(&str, u64); 3] = [("a", 100), ("b", 200), ("c", 300)];

/// The own counts of the three peers, while enough calls are up for shares to mean something.
fn samples(tandem: &Tandem, caller: &mut Sipp) -> Vec<[u64; 3]> {
    let own = || CAPACITIES.map(|(peer, _)| tandem.own(peer));
    wait::until("350 calls live", Duration::from_secs(15), || {
        (own().iter().sum::<u64>() >= 350).then_some(())
    });
    let mut seen = Vec::new();
    let end = Instant::now() + Duration::from_secs(5);
    while Instant::now() < end && !caller.has_ended() {
        let counts = own();
        if counts.iter().sum::<u64>() >= 300 {
            seen.push(counts);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    seen
}

#[test]
fn two_thousand_calls_spread_by_capacity_and_every_count_returns_to_zero() {
    let _turn = lock::alone();
    let pbxes = CAPACITIES.map(|(name, _)| Sipp::pbx(name, "pbx.xml"));
    let mut config = String::from("[probe]\ninterval = \"1s\"\n[[group]]\nname = \"pbx\"\n");
    for (pbx, (_, capacity)) in pbxes.iter().zip(CAPACITIES) {
        config += &pbx.config(&format!("capacity = {{ calls = {capacity} }}"));
    }
    let tandem = Tandem::start(&config);
    let load = Load {
        scenario: "caller.xml",
        service: "1001",
        calls: 2000,
        cps: 200,
        hold: Duration::from_secs(2),
    };
    let mut caller = Sipp::caller("caller", tandem.sip, &load);
    let seen = samples(&tandem, &mut caller);
    assert!(seen.len() >= 50, "only {} samples under load", seen.len());
    let total: u64 = seen.iter().flatten().sum();
    for (at, (name, capacity)) in CAPACITIES.iter().enumerate() {
        let most = seen.iter().map(|counts| counts[at]).max();
        assert!(most <= Some(*capacity), "{name} held {most:?}");
        let share = seen.iter().map(|counts| counts[at]).sum::<u64>() as f64 / total as f64;
        let fair = *capacity as f64 / 600.0;
        assert!(
            (share / fair - 1.0).abs() <= 0.05,
            "{name} held {share:.4} of the calls where {fair:.4} is its share"
        );
    }
    let count = caller.succeeds(Duration::from_secs(40));
    assert_eq!(count.successful, 2000);
    tandem.books_close(Duration::from_secs(5));
    tandem.metric_is("tandem_calls_total", &[("outcome", "answered")], 2000.0);
    tandem.metric_is("tandem_slots_granted_total", &[], 2000.0);
    tandem.metric_is("tandem_slots_released_total", &[("cause", "bye")], 2000.0);
    tandem.metric_is("tandem_failovers_total", &[], 0.0);
    let all: u64 = pbxes
        .into_iter()
        .map(|pbx| pbx.stops_clean().successful)
        .sum();
    assert!(all >= 2000, "the PBXes saw {all} calls and probes");
    tandem.finish();
}
