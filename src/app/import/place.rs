//! Where something stands in a file, and what is found there.

use crate::config::{Place, Problem};

/// A line and a column, from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    pub line: usize,
    pub column: usize,
}

impl Default for Spot {
    fn default() -> Self {
        Self { line: 1, column: 1 }
    }
}

impl Spot {
    /// The place behind one more character.
    pub fn step(self, letter: char) -> Self {
        match letter {
            '\n' => Self {
                line: self.line + 1,
                column: 1,
            },
            _ => Self {
                column: self.column + 1,
                ..self
            },
        }
    }

    /// The place behind a text.
    pub fn after(self, text: &str) -> Self {
        text.chars().fold(self, Self::step)
    }
}

/// A value of a file, without its quotes and escapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    pub text: String,
    pub spot: Spot,
}

impl Cell {
    /// `name=value;name=value`, each part with its place; parts that are empty are left out.
    pub fn parts(&self) -> Vec<Cell> {
        let mut spot = self.spot;
        let mut parts = Vec::new();
        for part in self.text.split(';') {
            let text = part.trim_start();
            let spot_of_text = spot.after(&part[..part.len() - text.len()]);
            if !text.trim_end().is_empty() {
                let text = text.trim_end().to_owned();
                parts.push(Cell {
                    text,
                    spot: spot_of_text,
                });
            }
            spot = spot.after(part).step(';');
        }
        parts
    }

    /// The name of `name=value`, and the value when there is a `=`.
    pub fn pair(&self) -> (&str, Option<Cell>) {
        let Some((name, value)) = self.text.split_once('=') else {
            return (&self.text, None);
        };
        let spot = self.spot.after(name).step('=');
        let value = value.trim().trim_matches('"').to_owned();
        (name.trim_end(), Some(Cell { text: value, spot }))
    }
}

/// Something that could not be carried over as it was.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    pub line: usize,
    pub words: String,
}

/// All that is wrong with a file.
#[derive(Debug, Default)]
pub struct Findings {
    pub problems: Vec<(Spot, Problem)>,
}

impl Findings {
    /// What is wrong, and after a comma what would be right.
    pub fn wrong(&mut self, spot: Spot, message: impl Into<String>) {
        let Spot { line, column } = spot;
        let place = Place::Line { line, column };
        let message = message.into();
        self.problems.push((spot, Problem { place, message }));
    }

    pub fn in_order(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|(spot, _)| *spot);
        self.problems
            .into_iter()
            .map(|(_, problem)| problem)
            .collect()
    }

    /// A whole number.
    pub fn number(&mut self, cell: &Cell, what: &str) -> Option<i64> {
        let number = cell.text.trim().parse().ok();
        if number.is_none() {
            let message = format!("{what} is {}, must be a whole number", quoted(&cell.text));
            self.wrong(cell.spot, message);
        }
        number
    }
}

/// A stranger's word in quotes, control characters escaped, clipped where it grows long.
pub fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    let clipped: String = text.chars().take(LONGEST).collect();
    let more = if clipped.len() < text.len() {
        "…"
    } else {
        ""
    };
    format!("{clipped:?}{more}")
}
