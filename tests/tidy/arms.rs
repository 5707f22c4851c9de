//! `match` over our own enums names every case, so that a new case is seen everywhere it matters.
//!
//! Without types this is a judgement by looks: a `match` is over one of our enums when any of its
//! patterns names one. A catch-all in it is a finding, unless the line above or its own line says
//! `tidy: allow(wildcard)` and why. Tests may fail in a catch-all (`_ => panic!(…)`).

use crate::lex::{Kind, Token};
use crate::source::{Finding, Source, closing};
use std::collections::BTreeSet;

const ALLOWED: &str = "tidy: allow(wildcard)";

/// The names of the enums that `src/` declares.
pub fn own_enums(files: &[Source]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in files.iter().filter(|file| file.path.starts_with("src/")) {
        for at in (0..file.tokens.len()).filter(|at| file.reads(*at, &["enum"])) {
            names.extend(file.tokens.get(at + 1).map(|token| token.text.clone()));
        }
    }
    names
}

pub fn check(file: &Source, own: &BTreeSet<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for at in (0..file.tokens.len())
        .filter(|at| file.tokens[*at].text == "match" && file.tokens[*at].kind == Kind::Word)
    {
        let Some(open) = body_of(&file.tokens, at) else {
            continue;
        };
        let arms = arms(&file.tokens, open);
        let names = arms
            .iter()
            .any(|arm| names_own(arm.pattern, own, &self_of(file, at)));
        for arm in arms.iter().filter(|_| names) {
            let line = arm.pattern[0].line;
            if is_catch_all(arm.pattern) && !excused(file, line) && !fails_test(file, arm) {
                findings
                    .push(file.finding(line, "a catch-all arm over our own enum; name the cases"));
            }
        }
    }
    findings
}

struct Arm<'a> {
    /// Without the guard.
    pattern: &'a [Token],
    body: &'a [Token],
}

/// The opening brace of the `match` at `at`: the first one outside brackets.
fn body_of(tokens: &[Token], at: usize) -> Option<usize> {
    let mut next = at + 1;
    loop {
        match tokens.get(next)?.text.as_str() {
            "(" | "[" => next = closing(tokens, next) + 1,
            "{" => return Some(next),
            ";" | "}" => return None,
            _ => next += 1,
        }
    }
}

fn arms(tokens: &[Token], open: usize) -> Vec<Arm<'_>> {
    let end = closing(tokens, open);
    let mut arms = Vec::new();
    let mut start = open + 1;
    while start < end {
        let Some(arrow) = find_flat(tokens, start, end, "=>") else {
            break;
        };
        let guard = find_flat(tokens, start, arrow, "if").unwrap_or(arrow);
        let block = tokens.get(arrow + 1).is_some_and(|token| token.text == "{");
        let stop = if block {
            closing(tokens, arrow + 1) + 1
        } else {
            find_flat(tokens, arrow + 1, end, ",").unwrap_or(end)
        };
        if guard > start {
            arms.push(Arm {
                pattern: &tokens[start..guard],
                body: &tokens[arrow + 1..stop],
            });
        }
        start = stop + usize::from(tokens.get(stop).is_some_and(|token| token.text == ","));
    }
    arms
}

/// The first `text` between `from` and `to` that stands in no brackets.
fn find_flat(tokens: &[Token], from: usize, to: usize, text: &str) -> Option<usize> {
    let mut at = from;
    while at < to {
        let token = &tokens[at];
        if token.text == text {
            return Some(at);
        }
        let opens = token.kind == Kind::Punct && matches!(token.text.as_str(), "(" | "[" | "{");
        at = if opens {
            closing(tokens, at) + 1
        } else {
            at + 1
        };
    }
    None
}

fn names_own(pattern: &[Token], own: &BTreeSet<String>, self_name: &str) -> bool {
    pattern.windows(2).any(|pair| {
        let name = if pair[0].text == "Self" {
            self_name
        } else {
            &pair[0].text
        };
        pair[1].text == "::" && own.contains(name)
    })
}

/// The type that `Self` means at `at`: the last `impl … Name {` before it.
fn self_of(file: &Source, at: usize) -> String {
    let Some(start) = (0..at).rev().find(|n| {
        file.tokens[*n].text == "impl"
            && body_of(&file.tokens, *n)
                .is_some_and(|open| open < at && at < closing(&file.tokens, open))
    }) else {
        return String::new();
    };
    let open = body_of(&file.tokens, start).unwrap_or(start);
    let header = &file.tokens[start..open];
    let after_for = header
        .iter()
        .position(|token| token.text == "for")
        .map_or(0, |n| n + 1);
    let mut depth = 0usize;
    for token in &header[after_for..] {
        match token.text.as_str() {
            "<" => depth += 1,
            ">" => depth = depth.saturating_sub(1),
            "impl" => {}
            name if depth == 0 && token.kind == Kind::Word => return name.to_owned(),
            _ => {}
        }
    }
    String::new()
}

/// `_`, `(_, _)`, or one lower-case name that binds whatever comes.
fn is_catch_all(pattern: &[Token]) -> bool {
    let words: Vec<&str> = pattern.iter().map(|token| token.text.as_str()).collect();
    match words.as_slice() {
        [name] => {
            let binding = name.starts_with(|c: char| c.is_ascii_lowercase());
            *name == "_"
                || binding && pattern[0].kind == Kind::Word && !matches!(*name, "true" | "false")
        }
        ["(", inside @ .., ")"] => inside.iter().all(|word| matches!(*word, "_" | "," | ".")),
        _ => false,
    }
}

fn excused(file: &Source, line: usize) -> bool {
    file.comments.iter().any(|comment| {
        let reason = comment
            .text
            .split_once(ALLOWED)
            .map(|(_, reason)| reason.trim().len() > 8);
        reason == Some(true) && (comment.line == line || comment.line + 1 == line)
    })
}

fn fails_test(file: &Source, arm: &Arm<'_>) -> bool {
    let word = arm
        .body
        .iter()
        .find(|token| token.kind == Kind::Word)
        .map(|token| token.text.as_str());
    let line = arm.pattern[0].line;
    file.is_test_line(line) && matches!(word, Some("panic" | "unreachable"))
}
