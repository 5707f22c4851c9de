//! Calls that nobody ends with a BYE are found by asking the PBX within the dialog.

use std::time::Duration;

use crate::agent::pbx::Pbx;
use crate::agent::phone::{Live, Phone};
use crate::harness::lock;
use crate::harness::tandem::Tandem;
use crate::harness::wait;

fn checks(tandem: &Tandem, outcome: &str) -> f64 {
    let labels = [("outcome", outcome)];
    tandem.metrics().sum("tandem_checks_total", &labels)
}

#[test]
fn calls_that_ended_while_the_process_was_down_are_found_by_asking_the_pbx() {
    let _turn = lock::shared();
    let pbx = Pbx::start("a");
    let config = format!("[probe]\nmode = \"off\"\n{}", pbx.config(""));
    let config = format!("[[group]]\nname = \"pbx\"\n{config}");
    let tandem = Tandem::start_kept(&config, "sqlite://tandem.db");
    let phone = Phone::start(tandem.sip);
    let calls: Vec<Live> = (0..10).map(|_| phone.call("1001")).collect();
    let ended = tandem.stop();
    pbx.forgets(4);
    let tandem = Tandem::start_again(ended);
    assert_eq!(tandem.own("a"), 10);
    wait::equal("calls", 6, Duration::from_secs(10), || tandem.own("a"));
    wait::equal("answers", 6.0, Duration::from_secs(5), || {
        checks(&tandem, "alive")
    });
    assert_eq!(checks(&tandem, "forgotten"), 4.0);
    let reconciled = [("peer", "a"), ("cause", "reconciled")];
    tandem.metric_is("tandem_slots_released_total", &reconciled, 4.0);
    // To the phones all ten are up, and those that the PBX knows can still be ended as ever.
    phone.hang_up_all(calls);
    tandem.finish();
}

#[test]
fn a_call_that_the_pbx_forgot_is_found_within_the_interval() {
    let _turn = lock::shared();
    let pbx = Pbx::start("a");
    let config = format!("[check]\ninterval = \"1s\"\n{}", pbx.config(""));
    let tandem = Tandem::start(&config);
    let phone = Phone::start(tandem.sip);
    let calls: Vec<Live> = (0..3).map(|_| phone.call("1001")).collect();
    wait::until("every call is asked about", Duration::from_secs(10), || {
        (checks(&tandem, "alive") >= 6.0).then_some(())
    });
    assert_eq!(tandem.own("a"), 3);
    pbx.forgets(1);
    wait::equal("calls", 2, Duration::from_secs(5), || tandem.own("a"));
    phone.hang_up_all(calls);
    tandem.finish();
}
