//! Who may import whom: floors between the top folders, one way between a sub-folder and its neighbours.

use crate::lex::{Kind, Token};
use crate::source::{Finding, Source, closing, reads};
use std::collections::{BTreeMap, BTreeSet};

/// Each top folder and its floor. Two folders of one floor do not know each other.
const FLOORS: [(&str, u8); 14] = [
    ("base", 0),
    ("sip", 1),
    ("transaction", 2),
    ("balance", 2),
    ("call", 3),
    ("proxy", 4),
    ("io", 5),
    ("store", 5),
    ("shard", 6),
    ("http", 7),
    ("metrics", 7),
    ("config", 7),
    ("app", 8),
    ("main", 8),
];

/// The floor of a file, by its top folder. `lib.rs` has none: it only names the folders.
pub fn floor_of(module: &[String]) -> Option<u8> {
    let top = module.first()?;
    FLOORS
        .iter()
        .find(|(name, _)| name == top)
        .map(|(_, floor)| *floor)
}

/// A path of this crate that a file names.
#[derive(Debug, PartialEq, Eq)]
pub struct Import {
    pub path: Vec<String>,
    pub line: usize,
}

pub fn check(files: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| !file.module.is_empty()) {
        let Some(own) = floor_of(&file.module) else {
            findings.push(file.finding(1, format!("`{}` has no floor", file.module[0])));
            continue;
        };
        for import in imports(file) {
            let Some(top) = import.path.first().filter(|top| **top != file.module[0]) else {
                continue;
            };
            let what = match floor_of(&import.path) {
                None => format!("`crate::{top}` is on no floor"),
                Some(floor) if floor > own => {
                    format!("imports upwards: {own} from {floor}, `{top}`")
                }
                Some(floor) if floor == own => format!("imports its neighbour `{top}`"),
                Some(_) => continue,
            };
            findings.push(file.finding(import.line, what));
        }
    }
    findings.dedup();
    findings.extend(two_way_folders(files));
    findings
}

/// Every `crate::`, `super::` and `self::` path of a file, from the crate's root.
pub fn imports(file: &Source) -> Vec<Import> {
    let tokens = &file.tokens;
    let modules = inline_modules(file);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let in_path = at > 0 && tokens[at - 1].text == "::";
        let rooted = matches!(tokens[at].text.as_str(), "crate" | "super" | "self");
        if tokens[at].text == "use" && !reads(tokens, at + 1, &["<"]) {
            let mut paths = Vec::new();
            let end = use_tree(tokens, at + 1, &mut Vec::new(), &mut paths);
            found.extend(paths.into_iter().filter_map(|path| {
                Some(Import {
                    path: absolute(&path, &modules[at])?,
                    line: tokens[at].line,
                })
            }));
            at = end;
        } else if rooted && !in_path && reads(tokens, at + 1, &["::"]) {
            let mut path = vec![tokens[at].text.clone()];
            let mut next = at + 1;
            while reads(tokens, next, &["::"]) && tokens.get(next + 1).is_some_and(is_word) {
                path.push(tokens[next + 1].text.clone());
                next += 2;
            }
            found.extend(absolute(&path, &modules[at]).map(|path| Import {
                path,
                line: tokens[at].line,
            }));
            at = next.max(at + 1);
        } else {
            at += 1;
        }
    }
    found
}

fn is_word(token: &Token) -> bool {
    token.kind == Kind::Word
}

/// Reads one tree of a `use` from `at`; gives the index after it.
fn use_tree(
    tokens: &[Token],
    mut at: usize,
    stem: &mut Vec<String>,
    paths: &mut Vec<Vec<String>>,
) -> usize {
    let depth = stem.len();
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "::" => at += 1,
            "{" => {
                let end = closing(tokens, at);
                at += 1;
                while at < end {
                    at = use_tree(tokens, at, stem, paths);
                    at += usize::from(reads(tokens, at, &[","]));
                }
                stem.truncate(depth);
                return end + 1;
            }
            "as" => at += 2,
            _ if is_word(token) || token.text == "*" => {
                stem.push(token.text.clone());
                at += 1;
            }
            _ => break,
        }
    }
    if stem.len() > depth {
        paths.push(stem.clone());
    }
    stem.truncate(depth);
    at
}

/// `path` from the crate's root, when it starts with `crate`, `super` or `self`.
fn absolute(path: &[String], module: &[String]) -> Option<Vec<String>> {
    let mut base = match path.first()?.as_str() {
        "crate" => Vec::new(),
        "super" | "self" => module.to_vec(),
        _ => return None,
    };
    for segment in path {
        match segment.as_str() {
            "crate" | "self" => {}
            "super" => {
                base.pop();
            }
            _ => base.push(segment.clone()),
        }
    }
    Some(base)
}

/// The module that each token stands in, `mod name { … }` blocks counted.
fn inline_modules(file: &Source) -> Vec<Vec<String>> {
    let mut module = file.module.clone();
    let mut ends = Vec::new();
    let mut all = Vec::with_capacity(file.tokens.len());
    for at in 0..file.tokens.len() {
        let opens = file.reads(at, &["mod"]) && file.reads(at + 2, &["{"]);
        if opens && is_word(&file.tokens[at + 1]) {
            module.push(file.tokens[at + 1].text.clone());
            ends.push(closing(&file.tokens, at + 2));
        }
        all.push(module.clone());
        while ends.last() == Some(&at) {
            ends.pop();
            module.pop();
        }
    }
    all
}

/// A sub-folder and a neighbour in the same folder use each other one way only. Single files of a
/// folder may use each other freely, and tests may look up.
fn two_way_folders(files: &[Source]) -> Vec<Finding> {
    let shape = Shape::new(files);
    let mut edges: BTreeMap<(Vec<String>, String, String), (usize, usize)> = BTreeMap::new();
    for (number, file) in files.iter().enumerate().filter(|(_, file)| !file.is_test) {
        for import in imports(file)
            .iter()
            .filter(|import| !file.is_test_line(import.line))
        {
            let target = shape.home_of(&import.path);
            let common = file
                .module
                .iter()
                .zip(&target)
                .take_while(|(a, b)| a == b)
                .count();
            let (Some(from), Some(to)) = (file.module.get(common), target.get(common)) else {
                continue;
            };
            if common > 0 {
                let key = (target[..common].to_vec(), from.clone(), to.clone());
                edges.entry(key).or_insert((number, import.line));
            }
        }
    }
    let mut findings = Vec::new();
    for ((folder, from, to), (number, line)) in &edges {
        let back = (folder.clone(), to.clone(), from.clone());
        if shape.is_folder(folder, from) && edges.contains_key(&back) {
            let what = format!("the folder `{from}` and its neighbour `{to}` import each other");
            findings.push(files[*number].finding(*line, what));
        }
    }
    findings
}

/// The module tree, and what each module passes on under its own name.
struct Shape {
    modules: BTreeSet<Vec<String>>,
    folders: BTreeSet<Vec<String>>,
    passed_on: BTreeMap<Vec<String>, Vec<String>>,
}

impl Shape {
    fn new(files: &[Source]) -> Self {
        let modules: BTreeSet<_> = files.iter().map(|file| file.module.clone()).collect();
        let with_children = files
            .iter()
            .filter(|file| !file.is_test && file.module.len() > 1);
        let folders = with_children
            .map(|file| file.module[..file.module.len() - 1].to_vec())
            .collect();
        let mut passed_on = BTreeMap::new();
        for file in files {
            for at in (0..file.tokens.len()).filter(|at| file.reads(*at, &["use"])) {
                let mut paths = Vec::new();
                use_tree(&file.tokens, at + 1, &mut Vec::new(), &mut paths);
                for path in paths {
                    let mut name = file.module.clone();
                    let target =
                        absolute(&path, &file.module).unwrap_or([&name[..], &path[..]].concat());
                    name.extend(path.last().cloned());
                    passed_on.insert(name, target);
                }
            }
        }
        Self {
            modules,
            folders,
            passed_on,
        }
    }

    fn is_folder(&self, folder: &[String], name: &str) -> bool {
        let mut module = folder.to_vec();
        module.push(name.to_owned());
        self.folders.contains(&module)
    }

    /// The module in which the thing at `path` is written down.
    fn home_of(&self, path: &[String]) -> Vec<String> {
        let mut path = path.to_vec();
        // Re-exports of re-exports end somewhere; a chain of eight is nobody's house.
        for _ in 0..8 {
            let known = (0..=path.len())
                .rev()
                .find(|n| self.modules.contains(&path[..*n]));
            let known = known.unwrap_or(0);
            let next = path
                .get(..known + 1)
                .and_then(|name| self.passed_on.get(name));
            match next {
                Some(target) if target.as_slice() != path => path = target.clone(),
                Some(_) | None => {
                    path.truncate(known);
                    return path;
                }
            }
        }
        path
    }
}
