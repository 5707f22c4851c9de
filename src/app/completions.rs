//! `tandem completions`: what a shell needs to complete this command line.

use std::process::ExitCode;

use clap::{CommandFactory, ValueEnum};
use clap_complete::aot::{Bash, Fish, Zsh};
use clap_complete::generate;

use super::cli::Cli;
use super::client::table::print;

/// Whose shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// GNU Bash
    Bash,
    /// Z shell
    Zsh,
    /// fish
    Fish,
}

/// Prints the script.
pub fn run(shell: Shell) -> ExitCode {
    let mut script = Vec::new();
    let mut command = Cli::command();
    match shell {
        Shell::Bash => generate(Bash, &mut command, "tandem", &mut script),
        Shell::Zsh => generate(Zsh, &mut command, "tandem", &mut script),
        Shell::Fish => generate(Fish, &mut command, "tandem", &mut script),
    }
    print(&String::from_utf8_lossy(&script));
    ExitCode::SUCCESS
}
