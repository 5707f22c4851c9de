//! Names that Tandem takes, made of whatever was written.

use std::collections::HashSet;

use crate::base::limits::CONFIG_NAME_MAX;

/// Room for what makes a name unlike another.
const SUFFIX_MAX: usize = 8;

/// A text as a name: what no name may hold becomes `-`. `None` when nothing is left.
pub fn name_of(text: &str) -> Option<String> {
    let mut name = String::new();
    for letter in text.trim().chars() {
        if letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.') {
            name.push(letter);
        } else if !name.ends_with('-') {
            name.push('-');
        }
    }
    let name = name.trim_start_matches(|letter: char| !letter.is_ascii_alphanumeric());
    let name = name.get(..CONFIG_NAME_MAX - SUFFIX_MAX).unwrap_or(name);
    let name = name.trim_end_matches('-');
    (!name.is_empty()).then(|| name.to_owned())
}

/// The name of the group that another balancer knows by a number.
pub fn group_name(what: &str, number: i64) -> String {
    let sign = if number < 0 { "minus-" } else { "" };
    format!("{what}-{sign}{}", number.unsigned_abs())
}

/// Gives no name twice.
#[derive(Default)]
pub struct Names {
    given: HashSet<String>,
}

impl Names {
    /// `wanted`, or with the first number behind it that nobody has.
    pub fn unlike_others(&mut self, wanted: &str) -> String {
        let numbered = (2..).map(|number| format!("{wanted}-{number}"));
        let mut names = std::iter::once(wanted.to_owned()).chain(numbered);
        let name = names.find(|name| !self.given.contains(name));
        let name = name.unwrap_or_default();
        self.given.insert(name.clone());
        name
    }
}
