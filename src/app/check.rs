//! `tandem check`.

use std::path::Path;
use std::process::ExitCode;

use crate::config;

/// Says on stdout that a configuration is valid, or on stderr what is wrong with it.
pub fn run(path: &Path) -> ExitCode {
    match config::load(path) {
        Ok(config) => {
            let counts = [
                (config.listeners.len(), "listener"),
                (config.groups.len(), "group"),
                (config.peers.len(), "peer"),
                (config.routes.len(), "route"),
            ];
            let counts = counts.map(|(count, what)| counted(count, what)).join(", ");
            println!("{}: valid; {counts}", path.display());
            ExitCode::SUCCESS
        }
        Err(invalid) => {
            eprintln!("{invalid}");
            ExitCode::from(super::INVALID)
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
