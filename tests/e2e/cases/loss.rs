//! One datagram in ten is lost on every path, and SIP's own timers save every call.

use std::time::{Duration, Instant};

use crate::agent::pbx::Pbx;
use crate::agent::phone::Phone;
use crate::agent::wire::Wire;
use crate::harness::lock;
use crate::harness::net::fresh_ip;
use crate::harness::tandem::Tandem;
use crate::harness::wait;

const LOSS: f64 = 0.1;
const CALLS: u32 = 2000;
const CPS: u32 = 200;

#[test]
fn two_thousand_calls_survive_ten_percent_loss_both_ways() {
    let _turn = lock::alone();
    let lossy = |seed| Wire::bind(fresh_ip(), 5060).lossy(LOSS, seed);
    let pbxes: Vec<Pbx> = [("a", 21), ("b", 22), ("c", 23)]
        .map(|(name, seed)| Pbx::on(name, lossy(seed)))
        .into();
    // A peer is not to be marked for a loss that is nobody's fault.
    let mut config = String::from(
        "[timers]\ntry = \"4s\"\n[probe]\nmode = \"off\"\n[[group]]\nname = \"pbx\"\ndisable = { after_timeouts = 1000, after_failures = 1000, retry_after_cap = \"1s\" }\n",
    );
    for pbx in &pbxes {
        config += &pbx.config("capacity = { calls = 2000 }");
    }
    let tandem = Tandem::start(&config);
    let phone = Phone::on(lossy(24), tandem.sip);
    let begun = Instant::now();
    let hold = Some(Duration::from_secs(1));
    let mut placed = Vec::new();
    for n in 0..CALLS {
        let due = begun + Duration::from_secs(1) * n / CPS;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        placed.push(phone.place("1001", hold, &[]));
    }
    let limit = Duration::from_secs(45);
    for call in &placed {
        let outcome = call.outcome(limit);
        assert_eq!(outcome.status, 200, "{outcome:?}");
        assert_eq!(call.ended(limit), 200, "{outcome:?}");
    }
    wait::equal("calls at the PBXes", 0, Duration::from_secs(45), || {
        pbxes.iter().map(Pbx::live).sum::<usize>()
    });
    let never_acknowledged: u64 = pbxes.iter().map(Pbx::never_acknowledged).sum();
    assert_eq!(never_acknowledged, 0);
    tandem.books_close(Duration::from_secs(45));
    tandem.metric_is(
        "tandem_calls_total",
        &[("outcome", "answered")],
        f64::from(CALLS),
    );
    tandem.finish();
}
