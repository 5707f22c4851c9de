//! The agents against each other, with nothing in between: what fails here is not the proxy's fault.

use std::time::Duration;

use crate::agent::pbx::{Manner, Pbx};
use crate::agent::phone::Phone;
use crate::agent::wire::Wire;
use crate::harness::lock;
use crate::harness::net::fresh_ip;
use crate::harness::sipp::{Load, Sipp};
use crate::harness::wait;

#[test]
fn a_phone_calls_a_pbx_directly_and_either_may_hang_up() {
    let pbx = Pbx::start("direct");
    let phone = Phone::start(pbx.address);
    let live = phone.call("1001");
    assert_eq!(live.outcome.by.as_deref(), Some("direct"));
    assert_eq!(pbx.live(), 1);
    phone.hang_up(live);
    assert_eq!(pbx.live(), 0);
    let _second = phone.call("1002");
    pbx.hangs_up();
    wait::equal("calls at the PBX", 0, Duration::from_secs(2), || pbx.live());
    assert_eq!(pbx.users(), ["1001", "1002"]);
    pbx.becomes(Manner::Refuses(503, 7));
    assert_eq!(phone.refused("1003", 503).retry_after, Some(7));
}

#[test]
fn agents_save_every_call_from_loss() {
    let pbx = Pbx::on("lossy", Wire::bind(fresh_ip(), 5060).lossy(0.1, 11));
    let phone = Phone::on(Wire::bind(fresh_ip(), 5060).lossy(0.1, 12), pbx.address);
    let hold = Some(Duration::from_millis(100));
    let calls: Vec<_> = (0..200).map(|_| phone.place("1", hold, &[])).collect();
    for call in &calls {
        assert_eq!(call.outcome(Duration::from_secs(40)).status, 200);
        assert_eq!(call.ended(Duration::from_secs(40)), 200);
    }
    wait::equal("calls at the PBX", 0, Duration::from_secs(40), || {
        pbx.live()
    });
}

#[test]
fn sipp_calls_sipp_directly_and_takes_probes_beside_calls() {
    let _turn = lock::alone();
    let pbx = Sipp::pbx("pbx", "pbx.xml");
    let load = |scenario, calls| Load {
        scenario,
        service: "1001",
        calls,
        cps: 100,
        hold: Duration::from_millis(200),
    };
    let mut caller = Sipp::caller("caller", pbx.address, &load("caller.xml", 100));
    let mut probes = Sipp::caller("probes", pbx.address, &load("probe.xml", 50));
    assert_eq!(caller.succeeds(Duration::from_secs(20)).successful, 100);
    assert_eq!(probes.succeeds(Duration::from_secs(20)).successful, 50);
    assert_eq!(pbx.stops_clean().successful, 150);
}
