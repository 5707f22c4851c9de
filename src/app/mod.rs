//! Floor 8: the process: its command line, what is wired to what, and how it starts, reloads and stops.

mod calls;
mod check;
mod cli;
mod client;
mod clock;
mod completions;
mod control;
pub mod demo;
mod demonstrate;
mod drains;
mod force;
mod imagine;
mod import;
mod keep;
mod logging;
mod names;
mod news;
mod notify;
mod serve;
mod server;

use std::process::ExitCode;

use clap::Parser;

pub use server::Server;

/// This version, as `--version` and the metrics say it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The exit code for a configuration that is not valid, or a start that failed.
pub(crate) const INVALID: u8 = 1;
/// The exit code for a command line that cannot be understood.
pub(crate) const USAGE: u8 = 2;

/// The whole program.
pub fn run() -> ExitCode {
    let cli = cli::Cli::parse();
    let otherwise = match cli.command {
        cli::Command::Serve(_) | cli::Command::Check(_) => "info",
        // Their tables are what people look at.
        cli::Command::Demo(_)
        | cli::Command::Peers(_)
        | cli::Command::Calls(_)
        | cli::Command::Explain(_)
        | cli::Command::Top(_)
        | cli::Command::Import { .. }
        | cli::Command::Completions { .. } => "warn",
    };
    if let Err(error) = logging::start(cli.log_format, cli.log_level.as_deref(), otherwise) {
        eprintln!("tandem: {error:#}");
        return ExitCode::from(USAGE);
    }
    match cli.command {
        cli::Command::Serve(arg) => serve::run(&arg.config),
        cli::Command::Check(arg) => check::run(&arg.config),
        cli::Command::Demo(args) => demonstrate::run(&args),
        cli::Command::Peers(args) => client::peers(&args),
        cli::Command::Calls(args) => client::calls(&args),
        cli::Command::Explain(args) => client::explain(&args),
        cli::Command::Top(args) => client::top(&args),
        cli::Command::Import { from } => import::run(&from),
        cli::Command::Completions { shell } => completions::run(shell),
    }
}

#[cfg(test)]
mod tests;
