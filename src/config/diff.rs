//! What a reload changes, in plain words.

use std::fmt;

use super::describe::{self, Trait};
use super::model::Config;

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Such as `peer pbx-a: capacity calls 100 → 200`. Never shows a secret.
    pub text: String,
    /// It waits for a restart; the running value stays.
    pub restart: bool,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        if self.restart {
            f.write_str(" (needs a restart)")?;
        }
        Ok(())
    }
}

/// All that differs from `old` to `new`, in the order of the file's sections.
#[must_use]
pub fn diff(old: &Config, new: &Config) -> Vec<Change> {
    let mut changes = Vec::new();
    let restart = (describe::until_restart(old), describe::until_restart(new));
    compare("", &restart.0, &restart.1, true, &mut changes);
    compare(
        "",
        &describe::general(old),
        &describe::general(new),
        false,
        &mut changes,
    );
    let groups = |config: &Config| -> Vec<(String, Vec<Trait>)> {
        let groups = config.groups.iter();
        groups
            .map(|g| (format!("group {}", g.name), describe::group(g)))
            .collect()
    };
    tables(&groups(old), &groups(new), &mut changes);
    let peers = |config: &Config| -> Vec<(String, Vec<Trait>)> {
        let peers = config.peers.iter();
        peers
            .map(|p| (format!("peer {}", p.name), describe::peer(p)))
            .collect()
    };
    tables(&peers(old), &peers(new), &mut changes);
    let routes = |config: &Config| -> Vec<(String, Vec<Trait>)> {
        let routes = config.routes.iter();
        routes
            .map(|r| (format!("route {}", r.number), describe::route(r)))
            .collect()
    };
    tables(&routes(old), &routes(new), &mut changes);
    changes
}

impl Config {
    /// Takes over from the running configuration what only a restart can change, after [`diff`] has named it.
    pub fn keep_until_restart(&mut self, running: &Self) {
        self.node.workers = running.node.workers;
        self.node.secret = running.node.secret;
        self.listeners.clone_from(&running.listeners);
        self.http.listen = running.http.listen;
        self.store = running.store.clone();
    }
}

type Tables = [(String, Vec<Trait>)];

fn tables(old: &Tables, new: &Tables, changes: &mut Vec<Change>) {
    let mut say = |text: String| {
        changes.push(Change {
            text,
            restart: false,
        })
    };
    for (title, _) in old {
        if !new.iter().any(|(other, _)| other == title) {
            say(format!("{title}: removed"));
        }
    }
    for (title, _) in new {
        if !old.iter().any(|(other, _)| other == title) {
            say(format!("{title}: added"));
        }
    }
    for (title, traits) in new {
        if let Some((_, before)) = old.iter().find(|(other, _)| other == title) {
            compare(&format!("{title}: "), before, traits, false, changes);
        }
    }
}

fn compare(title: &str, old: &[Trait], new: &[Trait], restart: bool, changes: &mut Vec<Change>) {
    let value = |traits: &[Trait], key: &str| {
        let found = traits.iter().find(|t| t.key == key);
        found.map_or_else(|| "none".to_owned(), |t| t.value.clone())
    };
    let gone = old
        .iter()
        .filter(|t| new.iter().all(|other| other.key != t.key));
    for Trait { key, secret, .. } in new.iter().chain(gone) {
        let (before, after) = (value(old, key), value(new, key));
        if before == after {
            continue;
        }
        let text = if *secret {
            format!("{title}{key} changed")
        } else {
            format!("{title}{key} {before} → {after}")
        };
        changes.push(Change { text, restart });
    }
}
