//! A configuration is judged by what a user sees: the typed result, or the lines on stderr.

mod any;
mod build;
mod changes;
mod defaults;
mod json;
mod messages;
mod shipped;

use std::collections::HashMap;
use std::io;
use std::path::Path;

use super::{Config, Invalid, Surroundings, parse};

/// An environment and files that a test makes up.
#[derive(Default)]
struct Made(HashMap<&'static str, &'static str>);

impl Surroundings for Made {
    fn variable(&self, name: &str) -> Option<String> {
        self.0.get(name).map(|value| (*value).to_owned())
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        let found = path.to_str().and_then(|path| self.0.get(path));
        found
            .map(|text| (*text).to_owned())
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such file"))
    }
}

fn made() -> Made {
    Made(HashMap::from([
        ("TOKEN", "s3cret-token"),
        ("EMPTY", ""),
        ("WEIGHT", "7"),
        ("SHORT", "s3cret"),
        ("URL", "mysql://admin:s3cret@db"),
        ("keys/token", "s3cret-from-file\n"),
    ]))
}

fn check(text: &str) -> Result<Config, Invalid> {
    parse("t.toml", text.as_bytes(), &made())
}

/// The configuration of a text that must be right.
#[track_caller]
fn good(text: &str) -> Config {
    check(text).unwrap_or_else(|invalid| panic!("{invalid}"))
}

/// The lines on stderr for a text that must be wrong.
#[track_caller]
fn lines(text: &str) -> Vec<String> {
    let invalid = check(text).expect_err("this text has a mistake");
    invalid.to_string().lines().map(ToOwned::to_owned).collect()
}
