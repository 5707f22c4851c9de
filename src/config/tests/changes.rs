//! What a reload is said to change.

use super::good;
use crate::config::diff;

const PEER: &str = "[[peer]]\nname = \"pbx-a\"\nuri = \"sip:10.0.0.1\"\n";

fn changes(old: &str, new: &str) -> Vec<String> {
    let (old, new) = (
        good(&format!("{PEER}{old}\n")),
        good(&format!("{PEER}{new}\n")),
    );
    diff(&old, &new).iter().map(ToString::to_string).collect()
}

#[test]
fn the_same_text_changes_nothing() {
    let all = "capacity = { calls = 3 }\nfeedback = { token = \"t\" }\n[[route]]\nreject = 403\nmatch = { user = \"^1\" }\n";
    assert_eq!(changes(all, all), [""; 0]);
}

#[test]
fn a_changed_peer_is_told_key_by_key() {
    let old = "capacity = { calls = 100, mixing = 5 }\nweight = 1";
    let new = "capacity = { calls = 200, fax = \"unlimited\" }\nweight = 3\ncps = 30";
    assert_eq!(
        changes(old, new),
        [
            "peer pbx-a: capacity calls 100 → 200",
            "peer pbx-a: capacity fax none → unlimited",
            "peer pbx-a: weight 1 → 3",
            "peer pbx-a: cps none → 30",
            "peer pbx-a: capacity mixing 5 → none",
        ]
    );
}

#[test]
fn tables_that_come_and_go_are_told_by_name() {
    let second = "[[peer]]\nname = \"pbx-b\"\nuri = \"sip:10.0.0.2\"";
    assert_eq!(changes("", second), ["peer pbx-b: added"]);
    assert_eq!(changes(second, ""), ["peer pbx-b: removed"]);
    assert_eq!(
        changes("", "[[group]]\nname = \"x\""),
        [
            "group pbx: removed",
            "group x: added",
            "peer pbx-a: groups [pbx] → [x]",
        ]
    );
    assert_eq!(
        changes("[[route]]\nreject = 403", "[[route]]\ngroup = \"pbx\""),
        ["route 1: goes to reject 403 → group pbx",]
    );
}

#[test]
fn a_changed_probe_shows_in_the_groups_that_use_it() {
    assert_eq!(
        changes("", "[probe]\ninterval = \"1m30s\""),
        ["group pbx: probe interval 10s → 1m30s"]
    );
}

#[test]
fn secrets_change_without_being_shown() {
    let token = |token: &str| {
        format!("feedback = {{ token = \"{token}\" }}\n[http]\nadmin_token = \"{token}\"")
    };
    assert_eq!(
        changes(&token("one"), &token("two")),
        [
            "http.admin_token changed",
            "peer pbx-a: feedback token changed",
        ]
    );
}

#[test]
fn who_is_told_changes_without_a_restart_and_without_being_shown() {
    let notify = |more: &str| format!("[notify]\nurl = \"https://chat.example/{more}");
    let one = notify("one\"");
    assert_eq!(
        changes("", &one),
        [
            "notify.url changed",
            "notify.events none → [down, up, drained, exhausted, drift]",
            "notify.timeout none → 5s",
            "notify.retry_for none → 1h",
        ]
    );
    let two = notify("two\"\nsecret = \"0123456789abcdef\"\nevents = [\"down\"]");
    assert_eq!(
        changes(&one, &two),
        [
            "notify.url changed",
            "notify.events [down, up, drained, exhausted, drift] → [down]",
            "notify.secret changed",
        ]
    );
}

#[test]
fn what_waits_for_a_restart_is_told_and_kept() {
    let new = "[node]\nworkers = 3\nsecret = \"0123456789abcdefX\"\nname = \"n2\"\n[http]\nlisten = \"127.0.0.1:9090\"\n\
               [store]\nurl = \"sqlite::memory:\"\n[[listen]]\nuri = \"sip:127.0.0.1:5070\"\n[timers]\nt1 = \"100ms\"";
    let old = good(&format!("{PEER}[node]\nname = \"n1\""));
    let mut new = good(&format!("{PEER}{new}"));
    let told: Vec<String> = diff(&old, &new).iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "node.workers 0 → 3 (needs a restart)",
            "node.secret changed (needs a restart)",
            "listen [sip:0.0.0.0:5060;transport=udp] → [sip:127.0.0.1:5070;transport=udp] (needs a restart)",
            "http.listen 127.0.0.1:8080 → 127.0.0.1:9090 (needs a restart)",
            "store.url sqlite://tandem.db → sqlite::memory: (needs a restart)",
            "node.name n1 → n2",
            "timers.t1 500ms → 100ms",
        ]
    );
    new.keep_until_restart(&old);
    let left: Vec<bool> = diff(&old, &new)
        .iter()
        .map(|change| change.restart)
        .collect();
    assert_eq!(left, [false, false], "only what a reload can do is left");
}
