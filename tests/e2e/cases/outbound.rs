//! Calls that a PBX places are counted on it, and requests outside of calls find their way.

use crate::agent::leg::Leg;
use crate::agent::pbx::peer_config;
use crate::agent::scripted::Agent;
use crate::harness::lock;
use crate::harness::tandem::Tandem;

#[test]
fn a_call_that_a_pbx_places_goes_to_the_carrier_and_counts_on_the_pbx() {
    let _turn = lock::shared();
    let (mut pbx, mut carrier) = (Agent::new("pbx"), Agent::new("carrier"));
    let mut config = String::from("[probe]\nmode = \"off\"\n[[group]]\nname = \"pbx\"\n");
    config += &peer_config("pbx", pbx.address(), "capacity = { calls = 10 }");
    config += &format!(
        "[[route]]\nmatch = {{ source = \"group:pbx\" }}\nuri = \"sip:{};transport=udp\"\ncount_source = true\n[[route]]\ngroup = \"pbx\"\n",
        carrier.address()
    );
    let tandem = Tandem::start(&config);
    let leg = Leg::calling(pbx.address(), tandem.sip, "0012345");
    pbx.send(tandem.sip, &leg.invite(&[], ""));
    let invite = carrier.request("INVITE");
    tandem.own_is("pbx", 1);
    carrier.reply_invite(&invite, 200, "far");
    let ok = pbx.status(200, "INVITE");
    let mut near = leg.dialog(&ok);
    pbx.send(near.next_hop(), &near.ack(1));
    carrier.request("ACK");
    tandem.holds("pbx", 1, "up");
    let bye = near.request("BYE", &[], "");
    pbx.send(near.next_hop(), &bye);
    let bye = carrier.request("BYE");
    carrier.reply(&bye, 200, None, &[], "");
    pbx.status(200, "BYE");
    tandem.holds("pbx", 0, "up");
    tandem.finish();
}

#[test]
fn requests_outside_of_calls_are_dispatched_and_count_nothing() {
    let _turn = lock::shared();
    let (mut pbx, mut caller) = (Agent::new("pbx"), Agent::new("caller"));
    let tandem = Tandem::start(&format!(
        "[probe]\nmode = \"off\"\n[[group]]\nname = \"pbx\"\n{}",
        peer_config("pbx", pbx.address(), "capacity = { calls = 1 }")
    ));
    for method in ["REGISTER", "MESSAGE", "SUBSCRIBE", "PUBLISH", "JUGGLE"] {
        let mut leg = Leg::calling(caller.address(), tandem.sip, "1001");
        caller.send(tandem.sip, &leg.request(method, &["Expires: 60"], ""));
        let request = pbx.request(method);
        tandem.own_is("pbx", 0);
        pbx.reply(&request, 200, Some("tag"), &[], "");
        caller.status(200, method);
    }
    let mut options = Leg::calling(caller.address(), tandem.sip, "");
    options = options.with_target(&format!("sip:{}", tandem.sip));
    caller.send(tandem.sip, &options.request("OPTIONS", &[], ""));
    caller.status(200, "OPTIONS");
    tandem.finish();
}
