//! The rules of the house, as tests: floors, lengths, and what belongs where.
//!
//! This reads the repository's text alone and uses nothing of the crate it judges.

#[path = "tidy/arms.rs"]
mod arms;
#[path = "tidy/floors.rs"]
mod floors;
#[path = "tidy/lex.rs"]
mod lex;
#[path = "tidy/rules.rs"]
mod rules;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/teeth.rs"]
mod teeth;
#[path = "tidy/text.rs"]
mod text;

use source::{Finding, Source, mark_declared_tests, tracked};
use std::path::PathBuf;

/// Where Rust files are judged.
const JUDGED: [&str; 5] = ["src/", "tests/", "benches/", "fuzz/", "scripts/"];

/// Where cargo runs the test, not where it was compiled: a moved checkout is judged where it stands.
fn root() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or(PathBuf::from("."), PathBuf::from)
}

fn rust_files() -> Vec<Source> {
    let mut files = Vec::new();
    for path in tracked(&root()) {
        if path.ends_with(".rs") && JUDGED.iter().any(|folder| path.starts_with(folder)) {
            let text = std::fs::read_to_string(root().join(&path)).expect("Rust files are UTF-8");
            files.push(Source::new(&path, &text));
        }
    }
    mark_declared_tests(&mut files);
    files
}

#[track_caller]
fn none(findings: Vec<Finding>) {
    let lines: Vec<String> = findings
        .iter()
        .map(|found| format!("{}:{}: {}", found.path, found.line, found.what))
        .collect();
    assert!(
        lines.is_empty(),
        "{} finding(s)\n{}",
        lines.len(),
        lines.join("\n")
    );
}

#[test]
fn imports_go_downwards() {
    let mut files = rust_files();
    files.retain(|file| file.path.starts_with("src/"));
    assert!(!files.is_empty(), "the checker found no source at all");
    none(floors::check(&files));
}

#[test]
fn files_and_functions_are_short_and_names_stay_on_their_floors() {
    none(rust_files().iter().flat_map(rules::check).collect());
}

#[test]
fn matches_over_our_own_enums_name_every_case() {
    let files = rust_files();
    let own = arms::own_enums(&files);
    let shipped = files.iter().filter(|file| file.path.starts_with("src/"));
    none(shipped.flat_map(|file| arms::check(file, &own)).collect());
}

#[test]
fn no_file_speaks_of_a_machine_a_host_of_packages_or_an_author() {
    let mut findings = Vec::new();
    for path in tracked(&root()) {
        // Files that are not text are bytes for tests: nothing in them is said to a reader.
        if let Ok(text) = std::fs::read_to_string(root().join(&path)) {
            findings.extend(text::check(&path, &text));
        }
    }
    none(findings);
}

#[test]
fn links_between_pages_lead_somewhere() {
    let pages = tracked(&root())
        .into_iter()
        .filter(|path| path.ends_with(".md"));
    none(
        pages
            .flat_map(|path| {
                let text = std::fs::read_to_string(root().join(&path)).expect("pages are UTF-8");
                text::dead_links(&path, &text, |target| root().join(target).exists())
            })
            .collect(),
    );
}
