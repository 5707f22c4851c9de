//! What a file may say: lengths, and names that belong to some floors only.

use crate::floors::floor_of;
use crate::lex::Kind;
use crate::source::{Finding, Source};

const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 70;

/// Floors from here up may use clocks, tasks, sockets, SQL and HTTP.
const FIRST_ASYNC_FLOOR: u8 = 5;

/// Never below floor 5, tests included.
const OUTER_CRATES: [&str; 21] = [
    "tokio",
    "axum",
    "hyper",
    "http_body",
    "tower_http",
    "tower",
    "ureq",
    "utoipa",
    "sqlx",
    "rusqlite",
    "tokio_postgres",
    "nix",
    "libc",
    "socket2",
    "mio",
    "UdpSocket",
    "TcpStream",
    "TcpListener",
    "UnixStream",
    "thread_rng",
    "getrandom",
];

/// Never below floor 5 in the code that is shipped: clocks, chance, the outside world.
const IMPURE: [(&[&str], &str); 19] = [
    (&["Instant", "::", "now"], "reads a clock"),
    (&["SystemTime", "::", "now"], "reads a clock"),
    (&[".", "elapsed", "("], "reads a clock"),
    (&["rand", "::"], "takes chance from outside"),
    (&["Rng", "::", "new"], "takes chance from outside"),
    (&["Rng", "::", "default"], "takes chance from outside"),
    (&["RandomState", "::", "new"], "takes chance from outside"),
    (
        &["RandomState", "::", "default"],
        "takes chance from outside",
    ),
    (&["AHashMap", "::", "new"], "hashes by chance from outside"),
    (&["AHashSet", "::", "new"], "hashes by chance from outside"),
    (&["HashMap", "::", "new"], "hashes by chance from outside"),
    (&["HashSet", "::", "new"], "hashes by chance from outside"),
    (
        &["HashMap", "::", "with_capacity", "("],
        "hashes by chance from outside",
    ),
    (&["thread", "::", "spawn"], "starts a thread"),
    (&["thread", "::", "sleep"], "waits"),
    (&["std", "::", "fs"], "touches files"),
    (&["std", "::", "env"], "reads the environment"),
    (&["println"], "prints"),
    (&["eprintln"], "prints"),
];

pub fn check(file: &Source) -> Vec<Finding> {
    let mut findings = lengths(file);
    findings.extend(purity(file));
    findings.extend(names(file));
    findings
}

fn lengths(file: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines = file.text.lines().count();
    if lines > FILE_LINES {
        findings.push(file.finding(
            FILE_LINES + 1,
            format!("the file has {lines} lines, {FILE_LINES} are allowed"),
        ));
    }
    for at in 0..file.tokens.len() {
        let named = file
            .tokens
            .get(at + 1)
            .is_some_and(|token| token.kind == Kind::Word);
        let Some(end) = (file.reads(at, &["fn"]) && named)
            .then(|| body_end(file, at))
            .flatten()
        else {
            continue;
        };
        let (first, last) = (file.tokens[at].line, file.tokens[end].line);
        let lines = last - first + 1;
        if lines > FUNCTION_LINES {
            let name = &file.tokens[at + 1].text;
            let what = format!("`{name}` has {lines} lines, {FUNCTION_LINES} are allowed");
            findings.push(file.finding(first, what));
        }
    }
    findings
}

/// The closing brace of the function that starts at `at`; none for a declaration without a body.
fn body_end(file: &Source, at: usize) -> Option<usize> {
    let mut next = at;
    loop {
        match file.tokens.get(next)?.text.as_str() {
            "(" | "[" => next = crate::source::closing(&file.tokens, next) + 1,
            "{" => return Some(crate::source::closing(&file.tokens, next)),
            ";" => return None,
            _ => next += 1,
        }
    }
}

fn purity(file: &Source) -> Vec<Finding> {
    let in_core = file.path.starts_with("src/")
        && floor_of(&file.module).is_some_and(|floor| floor < FIRST_ASYNC_FLOOR);
    if !in_core {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (at, token) in file.tokens.iter().enumerate() {
        if token.kind == Kind::Word && OUTER_CRATES.contains(&token.text.as_str()) {
            findings.push(file.finding(
                token.line,
                format!("`{}` below floor {FIRST_ASYNC_FLOOR}", token.text),
            ));
        }
        // `fastrand::Rng` is seeded by the caller; the functions of the crate seed themselves.
        let global = file.reads(at, &["fastrand", "::"]) && !file.reads(at + 2, &["Rng"]);
        if global {
            findings.push(file.finding(token.line, "takes chance from outside"));
        }
        for (words, what) in IMPURE {
            if file.reads(at, words) && !file.is_test_line(token.line) {
                findings.push(file.finding(token.line, format!("`{}` {what}", words.concat())));
            }
        }
    }
    findings
}

fn names(file: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    let may_anyhow = !file.path.starts_with("src/")
        || matches!(
            file.module.first().map(String::as_str),
            Some("app" | "main")
        );
    for (at, token) in file.tokens.iter().enumerate() {
        let mut broken = |what: &str| findings.push(file.finding(token.line, what));
        match (token.kind, token.text.as_str()) {
            (Kind::Word, "anyhow") if !may_anyhow => broken("`anyhow` belongs to app and main"),
            (Kind::Word, word) if word.starts_with("unbounded") => {
                broken("a queue without a bound")
            }
            (Kind::Word, "todo" | "unimplemented") if file.reads(at + 1, &["!"]) => {
                broken("unfinished")
            }
            (Kind::Word, "channel") if is_endless_channel(file, at) => {
                broken("a queue without a bound")
            }
            (_, _) => {}
        }
    }
    findings
}

/// `channel()` without a size is `std::sync::mpsc`'s endless one. `oneshot` holds one value.
fn is_endless_channel(file: &Source, at: usize) -> bool {
    let mut next = at + 1;
    if file.reads(next, &["::", "<"]) {
        while file
            .tokens
            .get(next)
            .is_some_and(|token| !matches!(token.text.as_str(), "(" | ";" | "{"))
        {
            next += 1;
        }
    }
    let oneshot = at >= 2 && file.reads(at - 2, &["oneshot", "::"]);
    let declared = at >= 1 && file.reads(at - 1, &["fn"]);
    file.reads(next, &["(", ")"]) && !oneshot && !declared
}
