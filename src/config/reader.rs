//! Reads values out of the tree, each with its type and range, and gathers all that is wrong with them.

use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::duration;
use super::nearest::nearest;
use super::node::{Entry, Node, Spot, Value};
use super::problem::quoted;

/// Where `env:NAME` and `file:PATH` are looked up.
pub trait Surroundings {
    /// An environment variable, `None` when it is not set or no text.
    fn variable(&self, name: &str) -> Option<String>;
    /// The text of a file; a relative path starts at the configuration's folder.
    fn file(&self, path: &Path) -> io::Result<String>;
}

/// The process's own environment and files.
#[derive(Clone, Debug)]
pub struct System {
    /// Where relative paths start.
    pub folder: PathBuf,
}

impl Surroundings for System {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        std::fs::read_to_string(self.folder.join(path))
    }
}

/// A text, and how a message may show it: a value from elsewhere is shown by where it came from.
pub(super) struct Text {
    pub(super) value: String,
    pub(super) shown: String,
    pub(super) spot: Spot,
}

/// The entries of a table whose keys are all known.
pub(super) struct Fields {
    pub(super) spot: Spot,
    entries: Vec<Entry>,
}

impl Fields {
    pub(super) fn take(&mut self, key: &str) -> Option<Node> {
        let at = self.entries.iter().position(|e| e.node.label == key)?;
        Some(self.entries.remove(at).node)
    }

    /// Takes the key with the place where the key itself stands.
    pub(super) fn take_entry(&mut self, key: &str) -> Option<Entry> {
        let at = self.entries.iter().position(|e| e.node.label == key)?;
        Some(self.entries.remove(at))
    }
}

pub(super) struct Reader<'a> {
    /// `None`: the values come from elsewhere than the file, references are refused.
    surroundings: Option<&'a dyn Surroundings>,
    /// The file has syntax errors: what seems missing may stand on a broken line.
    pub(super) broken: bool,
    pub(super) raised: Vec<(Spot, String)>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(surroundings: Option<&'a dyn Surroundings>) -> Self {
        Self {
            surroundings,
            broken: false,
            raised: Vec::new(),
        }
    }

    pub(super) fn raise(&mut self, spot: &Spot, message: impl Into<String>) {
        self.raised.push((spot.clone(), message.into()));
    }

    /// Something that ought to be there and is not.
    pub(super) fn missing(&mut self, spot: &Spot, message: impl Into<String>) {
        if !self.broken {
            self.raise(spot, message);
        }
    }

    fn wrong_kind(&mut self, node: &Node, right: &str) {
        let kind = node.value.kind();
        self.raise(
            &node.spot,
            format!("{} is {kind}, must be {right}", node.label),
        );
    }

    /// A table named `title` of which only `known` keys may be written.
    pub(super) fn fields(&mut self, node: Node, title: &str, known: &[&str]) -> Option<Fields> {
        let Value::Table(entries) = node.value else {
            let example = format!("a table with {}", known.join(", "));
            self.wrong_kind(&node, &example);
            return None;
        };
        let (entries, unknown): (Vec<Entry>, Vec<Entry>) = entries
            .into_iter()
            .partition(|entry| known.contains(&entry.node.label.as_str()));
        for entry in unknown {
            let key = &entry.node.label;
            let right = meant(key, known.iter().copied());
            self.raise(
                &entry.spot,
                format!("unknown key {} in {title}, {right}", quoted(key)),
            );
        }
        Some(Fields {
            spot: node.spot,
            entries,
        })
    }

    /// A table whose keys the user chooses.
    pub(super) fn table(&mut self, node: Node, right: &str) -> Option<Vec<Entry>> {
        let Value::Table(entries) = node.value else {
            self.wrong_kind(&node, right);
            return None;
        };
        Some(entries)
    }

    pub(super) fn list(&mut self, node: Node, right: &str) -> Option<Vec<Node>> {
        let Value::List(items) = node.value else {
            self.wrong_kind(&node, right);
            return None;
        };
        Some(items)
    }

    /// A text, read from where `env:` or `file:` point.
    pub(super) fn text(&mut self, node: &Node, right: &str) -> Option<Text> {
        let Value::Text(text) = &node.value else {
            self.wrong_kind(node, right);
            return None;
        };
        let (value, shown) = match self.look_up(text, &node.spot)? {
            Some(found) => (found, format!("the value of {}", quoted(text))),
            None => (text.clone(), quoted(text)),
        };
        Some(Text {
            value,
            shown,
            spot: node.spot.clone(),
        })
    }

    /// `Some(None)`: the text stands for itself. `None`: it refers to what cannot be read.
    fn look_up(&mut self, text: &str, spot: &Spot) -> Option<Option<String>> {
        let (found, wrong) = if let Some(name) = text.strip_prefix("env:") {
            (
                self.variable(name),
                format!("environment variable {}", quoted(name)),
            )
        } else if let Some(path) = text.strip_prefix("file:") {
            (self.file(path), format!("file {}", quoted(path)))
        } else {
            return Some(None);
        };
        match found {
            Ok(value) => Some(Some(value)),
            Err(why) => {
                self.raise(spot, format!("{wrong} {why}"));
                None
            }
        }
    }

    fn variable(&self, name: &str) -> Result<String, String> {
        let surroundings = self.surroundings.ok_or(ONLY_IN_FILE)?;
        let unset = "is not set, set it or write the value itself here";
        let usable = !name.is_empty() && !name.contains(['=', '\0']);
        let value = usable.then(|| surroundings.variable(name)).flatten();
        value.ok_or_else(|| unset.to_owned())
    }

    fn file(&self, path: &str) -> Result<String, String> {
        let surroundings = self.surroundings.ok_or(ONLY_IN_FILE)?;
        match surroundings.file(Path::new(path)) {
            Ok(text) => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
            Err(why) => Err(format!(
                "cannot be read ({why}), must be a readable text file; a relative path starts at this file's folder"
            )),
        }
    }

    /// A whole number within `range`; from `env:` and `file:` too.
    pub(super) fn number(&mut self, node: &Node, range: RangeInclusive<u32>) -> Option<u32> {
        let right = format!("a whole number from {} to {}", range.start(), range.end());
        let (number, shown) = match &node.value {
            Value::Integer(number) => (u32::try_from(*number).ok(), number.to_string()),
            Value::Text(text) if is_reference(text) => {
                let text = self.text(node, &right)?;
                (text.value.trim().parse().ok(), text.shown)
            }
            Value::Text(_)
            | Value::Float
            | Value::Bool(_)
            | Value::Date
            | Value::Null
            | Value::List(_)
            | Value::Table(_) => {
                self.wrong_kind(node, &right);
                return None;
            }
        };
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            self.raise(
                &node.spot,
                format!("{} is {shown}, must be {right}", node.label),
            );
        }
        number
    }

    pub(super) fn boolean(&mut self, node: &Node) -> Option<bool> {
        let right = "true or false";
        match &node.value {
            Value::Bool(yes) => Some(*yes),
            Value::Text(text) if is_reference(text) => {
                let text = self.text(node, right)?;
                let parsed = text.value.trim().parse().ok();
                if parsed.is_none() {
                    let label = &node.label;
                    self.raise(
                        &node.spot,
                        format!("{label} is {}, must be {right}", text.shown),
                    );
                }
                parsed
            }
            Value::Text(_)
            | Value::Integer(_)
            | Value::Float
            | Value::Date
            | Value::Null
            | Value::List(_)
            | Value::Table(_) => {
                self.wrong_kind(node, right);
                None
            }
        }
    }

    pub(super) fn duration(
        &mut self,
        node: &Node,
        range: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        let text = self.text(
            node,
            "a duration such as \"500ms\", \"2s\", \"1m30s\" or \"4h\"",
        )?;
        let Some(read) = duration::parse(text.value.trim()) else {
            let shown = text.shown;
            let right = "write it as \"500ms\", \"2s\", \"1m30s\" or \"4h\"";
            self.raise(&node.spot, format!("{shown} is not a duration, {right}"));
            return None;
        };
        if range.contains(&read) {
            return Some(read);
        }
        let (least, most) = (duration::show(*range.start()), duration::show(*range.end()));
        let label = &node.label;
        let message = format!("{label} is {}, must be from {least} to {most}", text.shown);
        self.raise(&node.spot, message);
        None
    }

    /// One of a fixed set of words.
    pub(super) fn word<T: Copy>(&mut self, node: &Node, words: &[(&str, T)]) -> Option<T> {
        let names = || words.iter().map(|(name, _)| *name);
        let text = self.text(node, &one_of(names()))?;
        let found = words.iter().find(|(name, _)| *name == text.value);
        if found.is_none() {
            let right = meant(&text.value, names());
            self.raise(
                &node.spot,
                format!("{} is {}, {right}", node.label, text.shown),
            );
        }
        found.map(|(_, value)| *value)
    }
}

const ONLY_IN_FILE: &str = "is read by the configuration file only, write the value itself here";

/// Whether a text is read from the environment or a file.
pub fn is_reference(text: &str) -> bool {
    text.starts_with("env:") || text.starts_with("file:")
}

/// `did you mean "…"?`, or all there is.
pub(super) fn meant<'n>(word: &str, known: impl Iterator<Item = &'n str> + Clone) -> String {
    match nearest(word, known.clone()) {
        Some(name) => format!("did you mean {}?", quoted(name)),
        None => format!("must be {}", one_of(known)),
    }
}

/// `one of: a, b, c`, cut where it grows long.
fn one_of<'n>(known: impl Iterator<Item = &'n str>) -> String {
    const MOST: usize = 20;
    let mut names: Vec<&str> = known.collect();
    if names.is_empty() {
        return "left out: there is none to name".to_owned();
    }
    let more = if names.len() > MOST { ", …" } else { "" };
    names.truncate(MOST);
    format!("one of: {}{more}", names.join(", "))
}
