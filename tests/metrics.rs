//! The exposition as Prometheus reads it.

#[path = "metrics/format.rs"]
mod format;
#[path = "metrics/views.rs"]
mod views;

use std::io::Write;
use std::process::{Command, Stdio};

use format::Exposition;
use tandem::base::histogram::Histogram;
use tandem::metrics::{FAMILIES, Kind, Scrape};
use tandem::store::Figures;

fn render() -> String {
    let peers = [views::peer(0, "pbx-a"), views::peer(1, "pbx \"b\" \\ 2")];
    tandem::metrics::start();
    tandem::metrics::reloaded(true);
    let directory = views::directory();
    let stats = views::stats(&directory);
    let mut added_delay = Histogram::new(&[0.000_1, 0.001]);
    added_delay.record(0.000_05);
    let figures = Figures {
        depth: 9,
        written: 4,
        failed: 2,
        last_written: 1_700_000_000.5,
        trouble: None,
    };
    let scrape = Scrape {
        added_delay: Some(&added_delay),
        store: &figures,
        ..views::scrape(&peers, &directory, &stats)
    };
    scrape.render()
}

#[test]
fn every_family_is_declared_once_and_its_samples_stand_together() {
    let text = render();
    let exposition = Exposition::read(&text);
    for family in &exposition.families {
        let known = FAMILIES.iter().find(|known| known.name == family.name);
        let known = known.unwrap_or_else(|| panic!("{} is not in the table", family.name));
        assert_eq!(family.kind, known.kind.as_str(), "{}", family.name);
        assert_eq!(family.help, known.help, "{}", family.name);
    }
}

#[test]
fn every_sample_has_the_labels_that_the_table_names() {
    let text = render();
    for family in Exposition::read(&text).families {
        let known = FAMILIES.iter().find(|known| known.name == family.name);
        let known = known.expect("it is in the table");
        for sample in &family.samples {
            let mut names: Vec<&str> = sample
                .labels
                .iter()
                .map(|(name, _)| name.as_str())
                .collect();
            if known.kind == Kind::Histogram && sample.name.ends_with("_bucket") {
                assert_eq!(names.pop(), Some("le"), "{}", sample.name);
            }
            // The exporter writes labels in an order of its own.
            names.sort_unstable();
            let mut wanted = known.labels.to_vec();
            wanted.sort_unstable();
            assert_eq!(names, wanted, "{}", sample.name);
        }
    }
}

#[test]
fn unlimited_room_is_absent_and_limited_room_is_not() {
    let text = render();
    let exposition = Exposition::read(&text);
    for name in ["tandem_peer_capacity", "tandem_peer_free"] {
        assert_eq!(
            exposition.count(name, &[("resource", "calls")]),
            2,
            "{name}"
        );
        assert_eq!(
            exposition.count(name, &[("resource", "transcoding")]),
            0,
            "{name}"
        );
    }
    for name in ["tandem_peer_own", "tandem_peer_foreign"] {
        assert_eq!(
            exposition.count(name, &[("resource", "transcoding")]),
            2,
            "{name}"
        );
    }
}

#[test]
fn a_peer_stands_in_every_gauge_with_the_views_values() {
    let text = render();
    let exposition = Exposition::read(&text);
    let peer = ("peer", "pbx-a");
    for (name, labels, value) in [
        ("tandem_peer_own", vec![peer, ("resource", "calls")], 3.0),
        (
            "tandem_peer_foreign",
            vec![peer, ("resource", "calls")],
            4.0,
        ),
        ("tandem_peer_free", vec![peer, ("resource", "calls")], 93.0),
        ("tandem_peer_up", vec![peer], 1.0),
        ("tandem_peer_eligible", vec![peer], 0.0),
        ("tandem_peer_admin", vec![peer, ("state", "draining")], 1.0),
        ("tandem_peer_admin", vec![peer, ("state", "enabled")], 0.0),
        (
            "tandem_selections_total",
            vec![peer, ("step", "failover"), ("group", "pbx")],
            2.0,
        ),
        ("tandem_slots_granted_total", vec![peer], 13.0),
        (
            "tandem_slots_released_total",
            vec![peer, ("cause", "cancelled")],
            1.0,
        ),
        (
            "tandem_slots_released_total",
            vec![peer, ("cause", "dropped")],
            0.0,
        ),
        ("tandem_ledger_drift", vec![peer], -1.0),
        (
            "tandem_feedback_reports_total",
            vec![peer, ("outcome", "old_seq")],
            1.0,
        ),
        ("tandem_feedback_age_seconds", vec![peer], 1.5),
        (
            "tandem_probes_total",
            vec![peer, ("outcome", "failed")],
            1.0,
        ),
        ("tandem_probe_rtt_seconds_count", vec![peer], 1.0),
        (
            "tandem_probe_rtt_seconds_bucket",
            vec![peer, ("le", "0.001")],
            0.0,
        ),
        (
            "tandem_probe_rtt_seconds_bucket",
            vec![peer, ("le", "0.01")],
            1.0,
        ),
    ] {
        assert_eq!(
            exposition.value(name, &labels),
            Some(value),
            "{name} {labels:?}"
        );
    }
    // The other one's name has to be escaped, and comes back as it was.
    let escaped = [("peer", "pbx \"b\" \\ 2")];
    assert_eq!(exposition.value("tandem_peer_up", &escaped), Some(1.0));
}

#[test]
fn a_peer_is_named_with_each_of_its_groups_and_resources() {
    let text = render();
    let exposition = Exposition::read(&text);
    for resource in ["calls", "transcoding"] {
        let labels = [("peer", "pbx-a"), ("group", "pbx"), ("resource", resource)];
        let found = exposition.value("tandem_peer_info", &labels);
        assert_eq!(found, Some(1.0), "{resource}");
    }
    let fresh = exposition.value("tandem_feedback_fresh", &[("peer", "pbx-a")]);
    assert_eq!(fresh, Some(1.0));
}

#[test]
fn every_configured_group_stands_from_the_start_and_calls_of_none_have_no_name() {
    let text = render();
    let exposition = Exposition::read(&text);
    for (name, labels, value) in [
        (
            "tandem_calls_total",
            vec![("group", "pbx"), ("outcome", "answered")],
            5.0,
        ),
        (
            "tandem_calls_total",
            vec![("group", "idle"), ("outcome", "exhausted")],
            0.0,
        ),
        (
            "tandem_calls_total",
            vec![("group", ""), ("outcome", "rejected")],
            1.0,
        ),
        (
            "tandem_calls_active",
            vec![("group", "pbx"), ("state", "up")],
            2.0,
        ),
        (
            "tandem_calls_active",
            vec![("group", "idle"), ("state", "ringing")],
            0.0,
        ),
        ("tandem_answer_seconds_sum", vec![("group", "pbx")], 0.75),
        ("tandem_setup_seconds_count", vec![("group", "idle")], 0.0),
    ] {
        assert_eq!(
            exposition.value(name, &labels),
            Some(value),
            "{name} {labels:?}"
        );
    }
}

#[test]
fn the_shards_tell_of_messages_transactions_and_queues() {
    let text = render();
    let exposition = Exposition::read(&text);
    for (name, labels, value) in [
        (
            "tandem_messages_total",
            vec![
                ("transport", "udp"),
                ("direction", "in"),
                ("kind", "INVITE"),
            ],
            0.0,
        ),
        (
            "tandem_messages_total",
            vec![("transport", "udp"), ("direction", "out"), ("kind", "6xx")],
            0.0,
        ),
        (
            "tandem_messages_dropped_total",
            vec![("reason", "mailbox_full")],
            6.0,
        ),
        (
            "tandem_messages_dropped_total",
            vec![("reason", "malformed")],
            0.0,
        ),
        (
            "tandem_retransmissions_total",
            vec![("direction", "in")],
            3.0,
        ),
        ("tandem_transactions", vec![], 12.0),
        ("tandem_mailbox_depth", vec![], 8.0),
        ("tandem_store_queue_depth", vec![], 9.0),
        (
            "tandem_store_writes_total",
            vec![("outcome", "failed")],
            2.0,
        ),
        ("tandem_added_delay_seconds_count", vec![], 1.0),
        (
            "tandem_invariant_violations_total",
            vec![("name", "account_underflow")],
            0.0,
        ),
    ] {
        assert_eq!(
            exposition.value(name, &labels),
            Some(value),
            "{name} {labels:?}"
        );
    }
}

#[test]
fn the_table_has_no_family_that_is_never_shown() {
    // The API's own requests are counted by its own tests.
    let elsewhere = ["tandem_http_requests_total"];
    let text = render();
    let exposition = Exposition::read(&text);
    for known in FAMILIES
        .iter()
        .filter(|known| !elsewhere.contains(&known.name))
    {
        let shown = exposition
            .families
            .iter()
            .any(|family| family.name == known.name);
        assert!(shown, "{} is not shown", known.name);
    }
}

#[test]
fn the_process_tells_of_itself() {
    let text = render();
    let exposition = Exposition::read(&text);
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    assert_eq!(exposition.value("tandem_build_info", &version), Some(1.0));
    assert!(exposition.value("process_resident_memory_bytes", &[]) > Some(100_000.0));
    assert!(exposition.value("process_open_fds", &[]) >= Some(3.0));
    // Some time in the 21st century.
    assert!(exposition.value("process_start_time_seconds", &[]) > Some(978_307_200.0));
    let applied = [("outcome", "applied")];
    assert!(exposition.value("tandem_reloads_total", &applied) >= Some(1.0));
    let refused = [("outcome", "refused")];
    assert_eq!(
        exposition.value("tandem_reloads_total", &refused),
        Some(0.0)
    );
}

/// Where Prometheus is installed, its own linter has the last word.
#[test]
fn promtool_finds_nothing_to_complain_of() {
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = promtool else {
        eprintln!("promtool is not installed; its check is left out");
        return;
    };
    let mut input = promtool.stdin.take().expect("it was asked for");
    input.write_all(render().as_bytes()).expect("it reads");
    drop(input);
    let output = promtool.wait_with_output().expect("it ends");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}");
    assert_eq!(words, "");
}
