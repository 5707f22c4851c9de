//! Logs, on stderr.

use std::io::{self, IsTerminal};

use anyhow::Context;
use tracing_subscriber::EnvFilter;

use super::cli::LogFormat;

/// Starts logging for the whole process. `level` wins over `RUST_LOG`, and that over `otherwise`.
pub fn start(format: LogFormat, level: Option<&str>, otherwise: &str) -> anyhow::Result<()> {
    let asked = level
        .map(str::to_owned)
        .or_else(|| std::env::var(EnvFilter::DEFAULT_ENV).ok());
    let asked = asked
        .filter(|text| !text.trim().is_empty())
        .unwrap_or_else(|| otherwise.to_owned());
    let filter = EnvFilter::try_new(&asked).with_context(|| {
        format!("log level {asked:?}: must be error, warn, info, debug or trace, or a filter such as info,tandem::proxy=debug")
    })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        // A log on a full disk would be told of on that very log, by a panic.
        .log_internal_errors(false);
    match format {
        LogFormat::Text => builder.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    Ok(())
}
