//! What holds where the file is silent: CONTRACT's values, one by one.

use std::path::PathBuf;
use std::time::Duration;

use super::good;
use crate::balance::{Capacity, CapacityMode, ExhaustedStep, GroupSpec, HashOn, ProbeSpec, Select};
use crate::config::{ActionSpec, Store, listener, shards};
use crate::proxy::Unknown;

const PEER: &str = "[[peer]]\nname = \"a\"\nuri = \"sip:10.0.0.1\"\n";

#[test]
fn a_peer_alone_is_a_whole_configuration() {
    let config = good(PEER);
    assert_eq!(
        (config.node.workers, config.node.shutdown_grace),
        (0, Duration::from_secs(5))
    );
    assert!(!config.node.name.is_empty());
    let [listen] = config.listeners.as_slice() else {
        panic!("one listener, not {:?}", config.listeners);
    };
    assert_eq!(listen.address.to_string(), "0.0.0.0:5060");
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.http.admin_token, None);
    assert_eq!(config.store, Store::Sqlite(PathBuf::from("tandem.db")));
    let sources: Vec<String> = config
        .trust
        .sources
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(sources, ["127.0.0.0/8", "10.0.0.0/8"]);
    assert_eq!(config.trust.unknown, Unknown::Reject);
    assert_eq!(
        (config.trust.per_source_cps, config.trust.burst),
        (500, 1000)
    );
    let timing = config.timing;
    let seconds = [
        timing.t1,
        timing.try_,
        timing.ring,
        timing.call_max,
        timing.session_grace,
    ];
    assert_eq!(
        seconds.map(|time| time.as_millis()),
        [500, 2_000, 180_000, 14_400_000, 32_000]
    );
    assert_eq!(timing.check, None);
    assert_eq!(config.probe, ProbeSpec::default());
    assert_eq!(config.groups, [GroupSpec::named("pbx")]);
    assert!(config.routes.is_empty());
    assert!(shards(&config) >= 1);
}

#[test]
fn a_peer_offers_unlimited_calls_to_the_first_group() {
    let config = good(&format!(
        "{PEER}[[group]]\nname = \"x\"\n[[group]]\nname = \"pbx\"\n"
    ));
    let peer = &config.peers[0];
    assert_eq!(peer.groups, ["x".into()]);
    assert_eq!(peer.capacity, [("calls".into(), Capacity::Unlimited)]);
    assert_eq!((peer.weight, peer.priority, peer.cps), (1, 0, None));
    assert_eq!(peer.feedback, None);
    assert_eq!(
        peer.addresses,
        ["10.0.0.1:5060".parse().expect("an address")]
    );
}

#[test]
fn feedback_and_routes_have_the_defaults_of_the_contract() {
    let more = "feedback = { token = \"t\" }\n[[route]]\ngroup = \"pbx\"\n";
    let config = good(&format!("{PEER}{more}"));
    let feedback = config.peers[0].feedback.as_ref().expect("it is configured");
    assert_eq!(feedback.ttl, Duration::from_secs(10));
    assert_eq!(
        (feedback.capacity, feedback.legs_per_call),
        (CapacityMode::Min, 1)
    );
    let route = &config.routes[0];
    assert_eq!(route.resources, [("calls".into(), 1)]);
    assert_eq!(
        (route.overflow, route.count_source, route.number),
        (false, true, 1)
    );
    assert_eq!(route.action, ActionSpec::Group("pbx".into()));
}

#[test]
fn a_table_given_in_part_keeps_the_rest_of_its_defaults() {
    let groups = "[probe]\ninterval = \"3s\"\n[[group]]\nname = \"pbx\"\nselect = \"hash\"\nhash_on = \"header:X-Tenant\"\n\
                  failover = { max_attempts = 5 }\ndisable = { after_failures = 0 }\nprobe = { timeout = \"1m30s\" }\n";
    let config = good(&format!("{PEER}{groups}"));
    let group = &config.groups[0];
    let default = GroupSpec::named("pbx");
    assert_eq!(
        (group.select, &group.hash_on),
        (Select::Hash, &HashOn::Header("X-Tenant".into()))
    );
    assert_eq!(group.failover.on, default.failover.on);
    assert_eq!(group.failover.max_attempts, 5);
    assert_eq!(group.disable.after_failures, 0);
    assert_eq!(
        group.disable.retry_after_cap,
        default.disable.retry_after_cap
    );
    assert_eq!(group.exhausted, [ExhaustedStep::Dispatch]);
    assert_eq!(group.probe.interval, Duration::from_secs(3));
    assert_eq!(group.probe.timeout, Duration::from_secs(90));
    assert_eq!(group.probe.accept, ProbeSpec::default().accept);
}

#[test]
fn values_come_from_the_environment_and_from_files() {
    let more = "weight = \"env:WEIGHT\"\nfeedback = { token = \"file:keys/token\" }\n";
    let config = good(&format!(
        "{PEER}{more}[http]\nadmin_token = \"env:TOKEN\"\n"
    ));
    assert_eq!(config.peers[0].weight, 7);
    let token = config.peers[0]
        .feedback
        .as_ref()
        .map(|feedback| &*feedback.token);
    assert_eq!(
        token,
        Some("s3cret-from-file"),
        "the line's end is no part of it"
    );
    let admin = config.http.admin_token.as_ref().map(|token| token.expose());
    assert_eq!(admin, Some("s3cret-token"));
}

#[test]
fn no_secret_shows_in_debug_or_in_errors() {
    let secrets = "feedback = { token = \"s3cret-a\" }\n[http]\nadmin_token = \"s3cret-b\"\n[node]\nsecret = \"s3cret-of-the-node-c\"\n\
                   [store]\nurl = \"postgres://tandem:s3cret-d@db/tandem\"\n\
                   [notify]\nurl = \"https://chat.example/s3cret-e\"\nsecret = \"s3cret-of-notices-f\"\n";
    let config = good(&format!("{PEER}{secrets}"));
    let shown = format!("{config:?}");
    assert!(!shown.contains("s3cret"), "{shown}");
    let key = format!("{:?}", config.node.secret.0);
    assert!(!shown.contains(&key), "the node's key is in {shown}");
    for wrong in [
        "feedback = { token = \"s3cret two\" }",
        "weight = \"env:TOKEN\"",
        "[probe]\naccept = [\"env:TOKEN\"]\nmode = \"env:TOKEN\"",
        "[timers]\nt1 = \"env:TOKEN\"",
        "[store]\nurl = \"mysql://tandem:s3cret@db\"",
        "[store]\nurl = \"env:URL\"",
        "[node]\nsecret = \"s3cret\"",
        "[http]\nadmin_token = [\"s3cret\"]",
        "[[listen]]\nuri = \"sip:me:s3cret@127.0.0.1\"",
        "[notify]\nurl = \"https://me:s3cret@chat.example\"\nsecret = \"s3cret\"",
        "[notify]\nurl = \"chat.example/s3cret\"",
    ] {
        let lines = super::lines(&format!("{PEER}{wrong}\n")).join("\n");
        assert!(!lines.contains("s3cret"), "{lines}");
    }
}

#[test]
fn the_node_s_own_key_survives_a_reload_and_a_configured_one_is_taken() {
    assert_eq!(good(PEER).node.secret, good(PEER).node.secret);
    let hex = good(&format!(
        "{PEER}[node]\nsecret = \"000102030405060708090a0b0c0d0e0f\"\n"
    ));
    assert_eq!(
        hex.node.secret.0,
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]
    );
    let text = |text: &str| {
        good(&format!("{PEER}[node]\nsecret = \"{text}\"\n"))
            .node
            .secret
    };
    assert_eq!(
        text("sixteen letters or more"),
        text("sixteen letters or more")
    );
    assert_ne!(
        text("sixteen letters or more"),
        text("sixteen letters or mores")
    );
    assert_ne!(text("sixteen letters or more"), good(PEER).node.secret);
}

#[test]
fn a_listener_goes_by_what_it_advertises_or_by_an_address_that_others_can_reach() {
    let advertised = |listen: &str, bound: &str| {
        let config = good(&format!("{PEER}[[listen]]\n{listen}\n"));
        let listener = listener(&config.listeners[0], bound.parse().expect("an address"));
        (
            listener.advertise.to_string(),
            listener.advertised.is_some(),
        )
    };
    let plain = "uri = \"sip:127.0.0.1:0\"";
    assert_eq!(
        advertised(plain, "127.0.0.1:4711"),
        ("127.0.0.1:4711".into(), true)
    );
    let named = "uri = \"sip:0.0.0.0:5060\"\nadvertise = \"sip.example.com\"";
    assert_eq!(
        advertised(named, "0.0.0.0:5060"),
        ("sip.example.com:5060".into(), false)
    );
    let v6 = "uri = \"sip:[::1]:5060\"\nadvertise = \"[2001:db8::7]:5070\"";
    assert_eq!(
        advertised(v6, "[::1]:5060"),
        ("[2001:db8::7]:5070".into(), true)
    );
    let (any, numeric) = advertised("uri = \"sip:0.0.0.0\"", "0.0.0.0:5060");
    assert!(
        numeric && any.ends_with(":5060") && !any.starts_with("0.0.0.0"),
        "{any}"
    );
}

#[test]
fn calls_are_asked_about_after_an_interval_or_never() {
    let check = |value: &str| {
        let text = format!("{PEER}[check]\ninterval = \"{value}\"\n");
        good(&text).timing.check
    };
    assert_eq!(check("15m"), Some(Duration::from_secs(900)));
    assert_eq!(check("off"), None);
}
