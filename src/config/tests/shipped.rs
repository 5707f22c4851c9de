//! The files that come with the project.

use std::path::{Path, PathBuf};

use super::good;
use crate::balance::{FailoverRule, Failure};
use crate::config::{ActionSpec, Config, diff, load, lookups};

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("config")
        .join(name)
}

#[track_caller]
fn loaded(name: &str) -> Config {
    load(&shipped(name)).unwrap_or_else(|invalid| panic!("{invalid}"))
}

#[test]
fn the_shipped_file_checks_as_it_stands() {
    let config = loaded("tandem.toml");
    assert_eq!(config.peers.len(), 2);
    assert!(lookups(&config.peers).is_empty(), "it needs no name server");
}

#[test]
fn every_default_that_the_shipped_file_shows_is_the_default() {
    let text = std::fs::read_to_string(shipped("tandem.toml")).expect("it is there");
    let stated = |line: &str| {
        let key = line.strip_prefix("# ")?.split_once(" = ")?.0;
        let examples = [
            "advertise",
            "cps",
            "name",
            "match",
            "group",
            "resources",
            "overflow",
            "count_source",
        ];
        let secrets = ["feedback", "admin_token", "secret"];
        let plain = key
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b == b'_' || b.is_ascii_digit());
        let default = plain && !examples.contains(&key) && !secrets.contains(&key);
        default.then(|| line.trim_start_matches("# ").to_owned())
    };
    let mut count = 0;
    let mut uncommented = String::new();
    for line in text.lines() {
        let stated = stated(line);
        count += usize::from(stated.is_some());
        uncommented.push_str(&stated.unwrap_or_else(|| line.to_owned()));
        uncommented.push('\n');
    }
    assert!(count >= 20, "only {count} defaults were found");
    let changes = diff(&loaded("tandem.toml"), &good(&uncommented));
    assert_eq!(changes, []);
}

#[test]
fn every_example_checks() {
    let folder = std::fs::read_dir(shipped("examples")).expect("it is there");
    let files: Vec<PathBuf> = folder
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    assert!(files.len() >= 4, "{files:?}");
    for file in files {
        let config = load(&file).unwrap_or_else(|invalid| panic!("{invalid}"));
        assert!(!config.peers.is_empty());
    }
}

#[test]
fn the_failover_example_covers_exactly_its_codes() {
    let config = loaded("examples/failover-rules.toml");
    let failover = &config.groups[0].failover;
    let rules = [
        FailoverRule::Class(5),
        FailoverRule::Class(6),
        FailoverRule::Code(408),
        FailoverRule::Code(409),
    ];
    assert_eq!(failover.on, rules);
    for status in 300..700 {
        let expected = status >= 500 || status == 408 || status == 409;
        assert_eq!(
            failover.covers(Failure::Status(status)),
            expected,
            "{status}"
        );
    }
    assert!(failover.covers(Failure::Timeout), "as a 408");
    assert!(failover.covers(Failure::Transport), "as a 503");
}

#[test]
fn the_carrier_example_counts_what_its_pbxes_place() {
    let config = loaded("examples/carrier-and-pbx.toml");
    let outbound = &config.routes[0];
    assert_eq!(
        outbound.action,
        ActionSpec::Uri("sip:carrier.example".to_owned())
    );
    assert!(outbound.count_source);
}
