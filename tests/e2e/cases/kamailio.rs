//! Kamailio on either side: as a carrier's proxy in front, and as a PBX's proxy behind.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use crate::agent::pbx::{Pbx, peer_config};
use crate::agent::phone::Phone;
use crate::harness::child::{Running, wait_for_udp};
use crate::harness::lock;
use crate::harness::net::fresh_ip;
use crate::harness::sipp::{Load, Sipp};
use crate::harness::tandem::Tandem;
use crate::harness::wait;

/// A record-routing proxy that sends every new call to one next hop.
struct Kamailio {
    address: SocketAddr,
    _process: Running,
    _folder: tempfile::TempDir,
}

const SCRIPT: &str = r#"
debug=1
log_stderror=yes
children=1
disable_tcp=yes
auto_aliases=no
dns=no
rev_dns=no
listen=udp:@ADDRESS@
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "siputils.so"
loadmodule "textops.so"
loadmodule "kex.so"
request_route {
    if (!mf_process_maxfwd_header("10")) {
        sl_send_reply("483", "Too Many Hops");
        exit;
    }
    if (is_method("OPTIONS") && uri==myself) {
        sl_send_reply("200", "OK");
        exit;
    }
    if (is_method("CANCEL")) {
        if (t_check_trans()) t_relay();
        exit;
    }
    if (has_totag()) {
        if (loose_route() || (is_method("ACK") && t_check_trans())) {
            t_relay();
        } else if (!is_method("ACK")) {
            sl_send_reply("404", "Not Here");
        }
        exit;
    }
    t_check_trans();
    record_route();
    $du = "sip:@NEXT@";
    t_relay();
}
"#;

impl Kamailio {
    #[track_caller]
    fn start(name: &str, address: SocketAddr, next: SocketAddr) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let script = SCRIPT
            .replace("@ADDRESS@", &address.to_string())
            .replace("@NEXT@", &next.to_string());
        let path = folder.path().join("kamailio.cfg");
        std::fs::write(&path, script).expect("script written");
        let mut command = Command::new("kamailio");
        command
            .args(["-DD", "-E", "-m", "32", "-M", "4", "-f"])
            .arg(&path)
            .arg("-Y")
            .arg(folder.path())
            .arg("-w")
            .arg(folder.path());
        let process = Running::start_family(command, name, folder.path());
        wait_for_udp(address, Duration::from_secs(10));
        Self {
            address,
            _process: process,
            _folder: folder,
        }
    }
}

fn address() -> SocketAddr {
    SocketAddr::new(fresh_ip(), 5060)
}

const HEAD: &str = "[probe]\ninterval = \"1s\"\n[[group]]\nname = \"pbx\"\n";

#[test]
fn kamailio_alone_passes_calls_between_the_agents() {
    let _turn = lock::shared();
    let pbx = Pbx::start("pbx");
    let proxy = Kamailio::start("alone", address(), pbx.address);
    let phone = Phone::start(proxy.address);
    let live = phone.call("1001");
    phone.hang_up(live);
    let _second = phone.call("1002");
    pbx.hangs_up();
    wait::equal("calls at the PBX", 0, Duration::from_secs(3), || pbx.live());
}

#[test]
fn calls_pass_through_kamailio_in_front_and_kamailio_behind() {
    let _turn = lock::alone();
    let pbx = Sipp::pbx("pbx", "pbx.xml");
    let behind = Kamailio::start("behind", address(), pbx.address);
    let peer = peer_config("behind", behind.address, "capacity = { calls = 200 }");
    let tandem = Tandem::start(&format!("{HEAD}{peer}"));
    tandem.health_becomes("behind", "up", Duration::from_secs(5));
    let front = Kamailio::start("front", address(), tandem.sip);
    let load = Load {
        scenario: "caller.xml",
        service: "1001",
        calls: 200,
        cps: 50,
        hold: Duration::from_millis(500),
    };
    let mut caller = Sipp::caller("caller", front.address, &load);
    assert_eq!(caller.succeeds(Duration::from_secs(30)).successful, 200);
    tandem.books_close(Duration::from_secs(5));
    tandem.metric_is("tandem_slots_released_total", &[("cause", "bye")], 200.0);
    assert_eq!(pbx.stops_clean().successful, 200);
    tandem.finish();
}

#[test]
fn a_pbx_behind_two_kamailios_may_hang_up_and_refuse() {
    let _turn = lock::shared();
    let pbx = Pbx::start("pbx");
    let behind = Kamailio::start("behind", address(), pbx.address);
    let peer = peer_config("behind", behind.address, "capacity = { calls = 200 }");
    let tandem = Tandem::start(&format!("{HEAD}{peer}"));
    tandem.health_becomes("behind", "up", Duration::from_secs(5));
    let front = Kamailio::start("front", address(), tandem.sip);
    let phone = Phone::start(front.address);
    let _calls = [phone.call("1001"), phone.call("1002")];
    tandem.own_is("behind", 2);
    pbx.hangs_up();
    wait::equal("calls at the PBX", 0, Duration::from_secs(3), || pbx.live());
    tandem.own_is("behind", 0);
    pbx.becomes(crate::agent::pbx::Manner::Refuses(486, 0));
    phone.refused("1001", 486);
    tandem.own_is("behind", 0);
    tandem.finish();
}
