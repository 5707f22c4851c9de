//! What the pages show: lines of blocks of the shell, and what stands between backticks and begins as a command does.

use crate::root;

const PAGES: [&str; 17] = [
    "README.md",
    "CONTRIBUTING.md",
    "docs/ARCHITECTURE.md",
    "docs/BALANCING.md",
    "docs/CONFIG.md",
    "docs/METRICS.md",
    "docs/MIGRATING.md",
    "docs/OPERATING.md",
    "docs/PROOF.md",
    "docs/RFC-COVERAGE.md",
    "docs/decisions/README.md",
    "packaging/README.md",
    "dashboards/README.md",
    "contrib/README.md",
    "contrib/asterisk/README.md",
    "contrib/freeswitch/README.md",
    "docs/decisions/0003-metrics.md",
];

/// First words of what is a command where it stands between backticks.
const PROGRAMS: [&str; 13] = [
    "tandem",
    "curl",
    "cargo",
    "docker",
    "kubectl",
    "systemctl",
    "journalctl",
    "sysctl",
    "promtool",
    "python3",
    "sqlite3",
    "ss",
    "kill",
];

/// A command, and where it was found.
#[derive(Debug)]
pub struct Shown {
    pub path: &'static str,
    pub text: String,
}

impl Shown {
    /// The words behind the program's name, up to the shell's own; `None` for other programs.
    pub fn of_the_program(&self) -> Option<Vec<&str>> {
        let words = self.text.split_whitespace();
        let ends = |word: &&str| !matches!(*word, "|" | "&&" | ">" | "…");
        let mut words = words.take_while(ends);
        let program = words.next()?;
        let ours = program == "tandem" || program == "target/release/tandem";
        ours.then(|| words.collect())
    }
}

/// All commands of all pages.
pub fn shown() -> Vec<Shown> {
    let pages = PAGES.iter().map(|path| (*path, text(path)));
    pages
        .flat_map(|(path, page)| of_page(path, &page))
        .collect()
}

/// All blocks of the shell, with their pages.
pub fn blocks() -> Vec<(&'static str, String)> {
    let blocks = |path: &'static str| {
        blocks_of(&text(path))
            .into_iter()
            .map(move |block| (path, block))
    };
    PAGES.into_iter().flat_map(blocks).collect()
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
}

fn blocks_of(page: &str) -> Vec<String> {
    let after = page.split("```sh\n").skip(1);
    after
        .filter_map(|rest| rest.split("```").next().map(str::to_owned))
        .collect()
}

/// Those of one page, lines that go on joined, comments left out.
pub fn of_page(path: &'static str, page: &str) -> Vec<Shown> {
    let mut found = Vec::new();
    for block in blocks_of(page) {
        let joined = block.replace("\\\n", " ");
        for line in joined.lines() {
            let words: Vec<&str> = line
                .split_whitespace()
                .take_while(|word| *word != "#")
                .collect();
            if !words.is_empty() {
                found.push(words.join(" "));
            }
        }
    }
    let mut fenced = false;
    for line in page.lines() {
        fenced ^= line.starts_with("```");
        let quoted = line.split('`').skip(1).step_by(2).filter(|_| !fenced);
        found.extend(quoted.filter(|text| begins(text)).map(str::to_owned));
    }
    found.into_iter().map(|text| Shown { path, text }).collect()
}

/// The name of a program alone speaks of it, and asks for nothing.
fn begins(text: &str) -> bool {
    let (program, rest) = text.split_once(' ').unwrap_or((text, ""));
    let script = program.starts_with("scripts/") || program.starts_with("target/release/");
    script || (!rest.is_empty() && PROGRAMS.contains(&program))
}
