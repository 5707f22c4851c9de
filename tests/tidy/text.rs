//! What no file of the repository says, whatever its language.

use crate::source::Finding;
use std::path::Path;

/// Pieces, joined when the rules are read, so that this file does not break them itself.
/// The first of a rule's words that a line holds is a finding.
const WORDS: [(&[&[&str]], &str); 4] = [
    (
        &[&["/wo", "rk/"], &["/ho", "me/"], &["/ro", "ot/"]],
        "a path of one machine",
    ),
    (
        &[
            &["index.", "crates.io"],
            &["static.", "crates.io"],
            &["static.", "rust-lang.org"],
            &["py", "pi.org"],
            &["registry.", "npmjs"],
            &["proxy.", "golang.org"],
            &["deb.", "debian.org"],
            &["replace", "-with"],
            &["arti", "factory"],
        ],
        "a host of packages",
    ),
    (
        &[&["TO", "DO"], &["FIX", "ME"], &["XX", "X:"]],
        "unfinished",
    ),
    (
        &[
            &["co-", "authored-by"],
            &["signed-", "off-by"],
            &["@", "author"],
            &["another ", "session"],
            &["language ", "model"],
            &["previous ", "session"],
            &["other ", "builders"],
        ],
        "speaks of its authors, not of the project",
    ),
];

/// Findings of one file's text. The rule of unfinished work is about case, the others are not.
pub fn check(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let lower = line.to_lowercase();
        for (words, what) in WORDS {
            let said = words.iter().map(|pieces| pieces.concat()).find(|word| {
                if what == "unfinished" {
                    has_word(line, word)
                } else {
                    lower.contains(&word.to_lowercase())
                }
            });
            if let Some(word) = said {
                let what = format!("{what}: `{word}`");
                findings.push(Finding {
                    path: path.into(),
                    line: number + 1,
                    what,
                });
            }
        }
    }
    findings
}

/// Links of a Markdown page that lead to no file; `exists` knows paths from the repository's root.
pub fn dead_links(path: &str, text: &str, exists: impl Fn(&Path) -> bool) -> Vec<Finding> {
    let folder = Path::new(path).parent().unwrap_or(Path::new(""));
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for rest in line.split("](").skip(1) {
            let target = rest.split([')', '#', ' ']).next().unwrap_or_default();
            if !target.is_empty() && !target.contains(':') && !exists(&folder.join(target)) {
                let what = format!("leads nowhere: `{target}`");
                findings.push(Finding {
                    path: path.into(),
                    line: number + 1,
                    what,
                });
            }
        }
    }
    findings
}

/// Whether `word` stands in `line` as a word of its own.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}
