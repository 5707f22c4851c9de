//! What is wrong with a configuration, where, and what would be right.

use std::fmt;

/// Where a problem lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Line and column of a file, from 1; columns count characters.
    Line {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// A field of a JSON body, as `capacity.calls`; empty for the body itself.
    Field(String),
}

/// One thing that is wrong. Never holds the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What is wrong, and after a comma what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Line { line, column } => write!(f, "{line}:{column}: {}", self.message),
            Place::Field(field) if field.is_empty() => f.write_str(&self.message),
            Place::Field(field) => write!(f, "{field}: {}", self.message),
        }
    }
}

/// All that is wrong with one file, in the order of its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The file's name as it was given.
    pub file: String,
    /// At least one.
    pub problems: Vec<Problem>,
}

/// One line a problem: `file:line:column: what is wrong, what would be right`.
impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, problem) in self.problems.iter().enumerate() {
            if position > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}:{problem}", self.file)?;
        }
        Ok(())
    }
}

impl std::error::Error for Invalid {}

/// Finds lines and columns of byte offsets.
pub(super) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let after_breaks = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1);
        Self {
            text,
            starts: std::iter::once(0).chain(after_breaks).collect(),
        }
    }

    pub(super) fn place(&self, offset: usize) -> Place {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        let before = self.text.as_bytes().get(start..offset).unwrap_or_default();
        Place::Line {
            line,
            column: String::from_utf8_lossy(before).chars().count() + 1,
        }
    }
}

/// A user's word in quotes, control characters escaped, clipped where it grows long.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    if text.chars().count() <= LONGEST {
        return format!("{text:?}");
    }
    let clipped: String = text.chars().take(LONGEST).collect();
    format!("{clipped:?}…")
}
