//! What is packaged, as far as it can be held without the systems that take it; scripts/installed does the rest for Debian.

use std::path::Path;
use std::process::Command;

const KUBERNETES: &str = "packaging/kubernetes.yaml";

fn text(path: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(file).unwrap_or_else(|why| panic!("{path}: {why}"))
}

/// What stands behind a key, wherever it stands; in YAML the first one.
fn behind<'a>(text: &'a str, key: &str) -> &'a str {
    let mut lines = text.lines().map(|line| line.trim_start());
    let found = lines.find_map(|line| line.strip_prefix(key));
    found.unwrap_or_else(|| panic!("there is no {key}")).trim()
}

/// A list of words in brackets, as Docker and YAML both write it.
fn words(list: &str) -> Vec<String> {
    serde_json::from_str(list).unwrap_or_else(|why| panic!("{list}: {why}"))
}

/// The configuration within the example.
fn configuration() -> String {
    let example = text(KUBERNETES);
    let (_, block) = example.split_once("tandem.toml: |\n").expect("it has one");
    let lines = block.lines().take_while(|line| *line != "---");
    lines.fold(String::new(), |all, line| {
        all + line.strip_prefix("    ").unwrap_or(line) + "\n"
    })
}

fn tandem(words: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tandem"))
        .args(words)
        .env("TANDEM_ADVERTISE", "192.0.2.7")
        .env("TANDEM_ADMIN_TOKEN", "a-token-of-this-test")
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

#[test]
fn the_configuration_for_kubernetes_is_valid() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tandem.toml");
    std::fs::write(&file, configuration()).expect("written");
    let (code, said) = tandem(&["check", "--config", file.to_str().expect("UTF-8")]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn containers_start_the_program_with_a_command_line_that_it_has() {
    let dockerfile = text("Dockerfile");
    let lists = [
        behind(&dockerfile, "CMD ").to_owned(),
        behind(&text(KUBERNETES), "args: ").to_owned(),
    ];
    for list in lists {
        let words = words(&list);
        assert_eq!(words[2], "/etc/tandem/tandem.toml", "{list}");
        // 1: there is no such file; 2 would be a wrong command line.
        let there = |word: &String| word.replace("/etc/tandem/", "/nowhere/");
        let words: Vec<String> = words.iter().map(there).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (code, said) = tandem(&words);
        assert_eq!(code, Some(1), "{list}: {said}");
    }
    assert_eq!(words(behind(&dockerfile, "ENTRYPOINT ")), ["tandem"]);
    for line in dockerfile
        .lines()
        .filter(|line| line.starts_with("COPY config"))
    {
        text(line.split(' ').nth(1).expect("a file"));
    }
}

#[test]
fn the_probes_of_kubernetes_ask_for_what_the_api_describes() {
    let document = tandem::http::document()
        .to_json()
        .expect("the document is JSON");
    let document: serde_json::Value = serde_json::from_str(&document).expect("JSON");
    let example = text(KUBERNETES);
    let asked: Vec<&str> = example
        .lines()
        .filter_map(|line| line.trim().strip_prefix("path: "))
        .collect();
    assert_eq!(asked, ["/readyz", "/healthz"]);
    for path in asked {
        let answers = &document["paths"][path]["get"]["responses"];
        assert!(answers.get("200").is_some(), "{path}: {answers}");
    }
}

#[test]
fn a_pod_has_the_time_that_its_stop_takes() {
    let example = text(KUBERNETES);
    let granted: u32 = behind(&example, "terminationGracePeriodSeconds: ")
        .parse()
        .expect("a number");
    let pause = words(behind(&example, "command: "));
    assert_eq!(pause[0], "sleep");
    let pause: u32 = pause[1].parse().expect("a number");
    let configuration: toml::Value = toml::from_str(&configuration()).expect("TOML");
    let grace = configuration["node"]["shutdown_grace"].as_str();
    let grace = grace.and_then(|grace| grace.strip_suffix('s'));
    let grace: u32 = grace.expect("seconds").parse().expect("a number");
    assert!(
        granted > pause + grace,
        "{granted} s for {pause} s and {grace} s"
    );
}

#[test]
fn the_changelog_of_debian_names_this_version() {
    let changelog = text("packaging/debian/changelog");
    let version = concat!("tandem (", env!("CARGO_PKG_VERSION"), "-1) ");
    assert!(changelog.starts_with(version), "{changelog}");
}
