//! What the README shows must work as shown.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use tandem::config::{Surroundings, parse};

const README: &str = include_str!("../README.md");

/// An environment in which every variable is set, and no file is there.
struct Generous;

impl Surroundings for Generous {
    fn variable(&self, name: &str) -> Option<String> {
        Some(format!("value-of-{name}"))
    }

    fn file(&self, _: &Path) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// The fenced blocks of a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    let after = README.split(fence.as_str()).skip(1);
    after
        .map(|rest| {
            rest.split("```")
                .next()
                .expect("split gives one part at least")
        })
        .collect()
}

#[test]
fn the_first_configuration_is_valid() {
    let shown = blocks("toml");
    assert_eq!(shown.len(), 1);
    let config =
        parse("README.md", shown[0].as_bytes(), &Generous).unwrap_or_else(|why| panic!("{why}"));
    let names: Vec<_> = config
        .peers
        .iter()
        .map(|peer| peer.name.to_string())
        .collect();
    assert_eq!(names, ["pbx-a", "pbx-b"]);
}

#[test]
fn the_feedback_shown_adds_up() {
    let sent = README
        .split("-d '{ \"seq\"")
        .nth(1)
        .and_then(|rest| rest.split('\'').next())
        .expect("a report is shown");
    let sent: serde_json::Value =
        serde_json::from_str(&format!("{{ \"seq\"{sent}")).expect("the report is JSON");
    let answer: serde_json::Value =
        serde_json::from_str(blocks("json")[0]).expect("the answer is JSON");
    assert_eq!(answer["accepted_seq"], sent["seq"]);
    let number = |key: &str| {
        answer["resources"]["calls"][key]
            .as_f64()
            .expect("a number")
    };
    let used = sent["resources"]["calls"]["used"]
        .as_f64()
        .expect("a number");
    assert_eq!(number("foreign"), used - number("own"));
    let room = number("capacity") - number("foreign") - number("own");
    assert_eq!(
        number("free"),
        (sent["cpu_idle"].as_f64().expect("a number") * room).floor()
    );
    assert!((number("utilisation") - (1.0 - number("free") / number("capacity"))).abs() < 0.001);
}

#[test]
fn every_script_and_file_that_it_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scripts = README
        .split_whitespace()
        .filter(|word| word.starts_with("scripts/"));
    let links = README
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', '#']).next());
    let named: BTreeSet<&str> = scripts
        .chain(links.filter(|link| !link.contains("://")))
        .collect();
    assert!(named.contains("scripts/demo") && named.contains("docs/ARCHITECTURE.md"));
    for name in named {
        assert!(root.join(name).exists(), "`{name}` is not there");
    }
}
