//! The files of the repository, and what a Rust file says about its own shape.

use crate::lex::{Comment, Kind, Token, lex};
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::process::Command;

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub path: String,
    pub line: usize,
    pub what: String,
}

/// A Rust file.
pub struct Source {
    /// From the repository's root, with `/`.
    pub path: String,
    pub text: String,
    pub tokens: Vec<Token>,
    pub comments: Vec<Comment>,
    /// The module that the file is, from the crate's root: `src/sip/via.rs` is `["sip", "via"]`.
    pub module: Vec<String>,
    /// Lines inside `#[cfg(test)] mod …  { }`.
    test_lines: Vec<Range<usize>>,
    /// The whole file is test code.
    pub is_test: bool,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        let (tokens, comments) = lex(text);
        let module = module_of(path);
        let test_lines = test_modules(&tokens).1;
        let named_tests = module
            .iter()
            .any(|name| name == "tests" || name.ends_with("_tests"));
        let is_test = !path.starts_with("src/") || named_tests;
        Self {
            path: path.into(),
            text: text.into(),
            tokens,
            comments,
            module,
            test_lines,
            is_test,
        }
    }

    /// Whether `line` is compiled for tests alone.
    pub fn is_test_line(&self, line: usize) -> bool {
        self.is_test || self.test_lines.iter().any(|lines| lines.contains(&line))
    }

    pub fn finding(&self, line: usize, what: impl Into<String>) -> Finding {
        Finding {
            path: self.path.clone(),
            line,
            what: what.into(),
        }
    }

    /// Whether the tokens from `at` on read `words`.
    pub fn reads(&self, at: usize, words: &[&str]) -> bool {
        reads(&self.tokens, at, words)
    }
}

pub fn reads(tokens: &[Token], at: usize, words: &[&str]) -> bool {
    words
        .iter()
        .enumerate()
        .all(|(n, word)| tokens.get(at + n).is_some_and(|t| t.text == *word))
}

/// The index of the bracket that closes the one at `open`, or the end.
pub fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match (token.kind, token.text.as_str()) {
            (Kind::Punct, "(" | "[" | "{") => depth += 1,
            (Kind::Punct, ")" | "]" | "}") => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at;
                }
            }
            (_, _) => {}
        }
    }
    tokens.len().saturating_sub(1)
}

fn module_of(path: &str) -> Vec<String> {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    let mut module: Vec<String> = inside
        .trim_end_matches(".rs")
        .split('/')
        .map(str::to_owned)
        .collect();
    if module
        .last()
        .is_some_and(|last| last == "mod" || inside == "lib.rs" && last == "lib")
    {
        module.pop();
    }
    module
}

/// The modules that are declared `#[cfg(test)] mod name;`, and the lines of those written inline.
fn test_modules(tokens: &[Token]) -> (Vec<String>, Vec<Range<usize>>) {
    let (mut declared, mut inline) = (Vec::new(), Vec::new());
    for at in 0..tokens.len() {
        if !reads(tokens, at, &["#", "[", "cfg", "(", "test", ")", "]"]) {
            continue;
        }
        let mut next = at + 7;
        while reads(tokens, next, &["#", "["]) {
            next = closing(tokens, next + 1) + 1;
        }
        if reads(tokens, next, &["pub"]) {
            next += 1;
            if reads(tokens, next, &["("]) {
                next = closing(tokens, next) + 1;
            }
        }
        if !reads(tokens, next, &["mod"]) || next + 2 >= tokens.len() {
            continue;
        }
        if tokens[next + 2].text == ";" {
            declared.push(tokens[next + 1].text.clone());
        } else {
            let end = closing(tokens, next + 2);
            inline.push(tokens[at].line..tokens[end].line + 1);
        }
    }
    (declared, inline)
}

/// Marks the files that a parent declares with `#[cfg(test)] mod name;`, and all below them.
pub fn mark_declared_tests(files: &mut [Source]) {
    let mut declared = BTreeSet::new();
    for file in files.iter().filter(|file| file.path.starts_with("src/")) {
        for name in test_modules(&file.tokens).0 {
            let mut module = file.module.clone();
            module.push(name);
            declared.insert(module);
        }
    }
    for file in files {
        file.is_test |= (1..=file.module.len()).any(|n| declared.contains(&file.module[..n]));
    }
}

/// The paths that git knows of or would add, without the ignored ones.
pub fn tracked(root: &Path) -> Vec<String> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .expect("git is needed to know which files belong to the repository");
    assert!(output.status.success(), "git ls-files failed: {output:?}");
    let listing = String::from_utf8(output.stdout).expect("file names are UTF-8");
    let files = listing.lines().filter(|path| root.join(path).is_file());
    files.map(str::to_owned).collect()
}
