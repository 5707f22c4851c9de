//! What the pages in `docs/` name must be there, and what they show must work.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use tandem::config::{Surroundings, parse};
use tandem::metrics::FAMILIES;

/// The pages that show commands and configurations.
const PAGES: [&str; 6] = [
    "docs/CONFIG.md",
    "docs/METRICS.md",
    "docs/OPERATING.md",
    "docs/MIGRATING.md",
    "docs/RFC-COVERAGE.md",
    "packaging/README.md",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
}

/// What stands between single backticks, outside of fenced blocks.
fn quoted(page: &str) -> Vec<String> {
    let mut fenced = false;
    let mut found = Vec::new();
    for line in page.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            found.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    found
}

/// The fenced blocks of a language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    page.split(fence.as_str())
        .skip(1)
        .filter_map(|rest| rest.split("\n```").next().map(str::to_owned))
        .collect()
}

/// An environment in which every variable is set, and no file is there.
struct Generous;

impl Surroundings for Generous {
    fn variable(&self, name: &str) -> Option<String> {
        match name {
            "TANDEM_ADVERTISE" => Some("198.51.100.7".to_owned()),
            "TANDEM_NOTIFY_URL" => Some("https://chat.example/hooks/1".to_owned()),
            _ => Some(format!("value-of-{name}")),
        }
    }

    fn file(&self, _: &Path) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }
}

#[test]
fn every_configuration_that_is_shown_whole_is_valid() {
    let mut count = 0;
    for path in PAGES {
        for block in blocks(&text(path), "toml") {
            parse(path, block.as_bytes(), &Generous).unwrap_or_else(|why| panic!("{why}\n{block}"));
            count += 1;
        }
    }
    assert!(count >= 2, "only {count} configurations were found");
}

#[test]
fn the_configuration_for_kubernetes_is_valid() {
    let page = text("packaging/kubernetes.yaml");
    let (_, after) = page.split_once("tandem.toml: |\n").expect("it is there");
    let lines = after.lines().take_while(|line| !line.starts_with("---"));
    let config: Vec<&str> = lines
        .map(|line| line.strip_prefix("    ").unwrap_or(line))
        .collect();
    let config = parse("kubernetes.yaml", config.join("\n").as_bytes(), &Generous);
    let config = config.unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(config.peers.len(), 2);
}

/// The program's own commands, in blocks and in the text.
fn commands(page: &str) -> BTreeSet<String> {
    let shown = blocks(page, "sh").join("\n");
    let lines = shown.lines().map(str::to_owned);
    lines
        .chain(quoted(page))
        .filter(|line| line.starts_with("tandem "))
        .map(|line| {
            let ends = |word: &&str| !matches!(*word, "|" | "#" | "&&" | ">" | "…");
            let words: Vec<&str> = line.split_whitespace().take_while(ends).collect();
            words.join(" ")
        })
        .collect()
}

#[test]
fn every_command_that_is_shown_is_one_that_the_program_takes() {
    let mut count = 0;
    for path in PAGES {
        for command in commands(&text(path)) {
            // A flag that is not known is refused before help is given.
            let output = Command::new(env!("CARGO_BIN_EXE_tandem"))
                .args(command.split_whitespace().skip(1))
                .arg("--help")
                .output()
                .expect("the program runs");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{path}: {command}: {said}");
            count += 1;
        }
    }
    assert!(count >= 10, "only {count} commands were found");
}

#[test]
fn every_request_that_is_shown_with_a_body_says_that_it_is_json() {
    let mut count = 0;
    for path in PAGES.iter().chain(&["README.md", "config/tandem.toml"]) {
        for shown in text(path).split("curl ").skip(1) {
            let Some((head, _)) = shown.split_once(" -d '") else {
                continue;
            };
            // Of another command further down.
            if head.lines().count() <= 3 {
                assert!(head.contains("Content-Type: application/json"), "{path}");
                count += 1;
            }
        }
    }
    assert!(count >= 2, "only {count} were found");
}

#[test]
fn every_metric_that_is_named_exists() {
    let mut count = 0;
    for path in PAGES {
        for word in quoted(&text(path)) {
            let name = word.split(['{', ' ']).next().unwrap_or_default();
            if name.starts_with("tandem_") || name.starts_with("process_") {
                let known = FAMILIES.iter().any(|family| family.name == name);
                assert!(known, "{path}: there is no metric {name}");
                count += 1;
            }
        }
    }
    assert!(count >= 10, "only {count} metrics were found");
}

#[test]
fn every_limit_that_is_named_exists() {
    let limits = text("src/base/limits.rs");
    let mut count = 0;
    for word in quoted(&text("docs/OPERATING.md")) {
        let constant = word.contains('_')
            && word
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        // Environment variables and capabilities are written alike.
        let elsewhere = ["TANDEM_", "CAP_", "SSL_"];
        if !constant || elsewhere.iter().any(|start| word.starts_with(start)) {
            continue;
        }
        let declared = format!("pub const {word}:");
        assert!(limits.contains(&declared), "there is no limit {word}");
        count += 1;
    }
    assert!(count >= 10, "only {count} limits were found");
}

/// Files of the repository that a page names: words that begin with one of its folders.
#[test]
fn every_file_that_is_named_exists() {
    const FOLDERS: [&str; 8] = [
        "src/",
        "tests/",
        "docs/",
        "config/",
        "contrib/",
        "dashboards/",
        "packaging/",
        "migrations/",
    ];
    let mut count = 0;
    for path in PAGES {
        for word in quoted(&text(path)) {
            if FOLDERS.iter().any(|folder| word.starts_with(folder)) {
                assert!(root().join(&word).exists(), "{path}: `{word}` is not there");
                count += 1;
            }
        }
    }
    assert!(count >= 50, "only {count} files were found");
}

/// Every function under `src/` and `tests/` that carries `#[test]` or stands in `proptest!`.
fn tests_declared() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = vec![root().join("src"), root().join("tests")];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).expect("the folder is there");
        for path in entries.map(|entry| entry.expect("an entry").path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                names.extend(tests_of(&path));
            }
        }
    }
    names
}

fn tests_of(path: &PathBuf) -> Vec<String> {
    let text = std::fs::read_to_string(path).expect("Rust files are UTF-8");
    let mut names = Vec::new();
    let mut marked = false;
    for line in text.lines().map(str::trim) {
        marked |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        if let Some((_, rest)) = line.split_once("fn ").filter(|_| marked) {
            names.extend(rest.split(['(', '<']).next().map(str::to_owned));
            marked = false;
        }
    }
    names
}

#[test]
fn every_test_that_the_coverage_names_exists() {
    let declared = tests_declared();
    assert!(declared.len() > 500, "only {} were found", declared.len());
    let mut count = 0;
    for line in text("docs/RFC-COVERAGE.md").lines() {
        let Some(last) = line.strip_prefix('|').and_then(|row| row.split('|').nth(3)) else {
            continue;
        };
        for name in last.split('`').skip(1).step_by(2) {
            if !name.contains('/') {
                assert!(declared.contains(name), "there is no test {name}: {line}");
                count += 1;
            }
        }
    }
    assert!(count >= 100, "only {count} tests were found");
}

/// Keys of a unit file, each with its values.
fn unit_values(unit: &str, key: &str) -> Vec<String> {
    unit.lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| *name == key)
        .map(|(_, value)| value.to_owned())
        .collect()
}

#[test]
fn the_service_has_one_capability_and_a_folder_of_its_own() {
    let unit = text("packaging/tandem.service");
    for key in ["AmbientCapabilities", "CapabilityBoundingSet"] {
        assert_eq!(unit_values(&unit, key), ["CAP_NET_BIND_SERVICE"], "{key}");
    }
    assert_eq!(unit_values(&unit, "NoNewPrivileges"), ["yes"]);
    assert_eq!(unit_values(&unit, "ProtectSystem"), ["strict"]);
    assert_eq!(unit_values(&unit, "StateDirectory"), ["tandem"]);
    let user = unit_values(&unit, "User");
    let made = text("packaging/sysusers.d/tandem.conf");
    assert!(made.contains(&format!("u {} ", user[0])), "{made}");
}

#[test]
fn what_is_packaged_is_there() {
    let manifest: toml::Value = toml::from_str(&text("Cargo.toml")).expect("TOML");
    let deb = &manifest["package"]["metadata"]["deb"];
    let assets = deb["assets"].as_array().expect("a list");
    for asset in assets {
        let source = asset[0].as_str().expect("a path");
        let built = source.starts_with("target/");
        // Of a pattern, the folder that it looks into.
        let fixed = source.split('*').next().expect("the first piece");
        let there = root().join(fixed).exists();
        assert!(built || there, "{source}");
    }
    let packaged = |path: &str| assets.iter().any(|asset| asset[1].as_str() == Some(path));
    for file in deb["conf-files"].as_array().expect("a list") {
        let file = file.as_str().expect("a path");
        assert!(packaged(file.trim_start_matches('/')), "{file}");
    }
}
