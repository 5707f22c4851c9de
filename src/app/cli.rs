//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::client::args as client;

const ABOUT: &str = "One SIP address in front of many PBXes: a load balancer that counts calls, fails over, \
                     and listens to how the PBXes feel";

/// What the user asks for.
#[derive(Debug, Parser)]
#[command(name = "tandem", version = super::VERSION, about = ABOUT, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    /// How log lines look on stderr
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub log_format: LogFormat,
    /// What is logged: error, warn, info, debug, trace, or a filter such as `info,tandem::proxy=debug`; wins
    /// over the environment variable RUST_LOG; `info` without either
    #[arg(long, global = true, value_name = "LEVEL")]
    pub log_level: Option<String>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the balancer until SIGTERM or SIGINT; SIGHUP reloads the configuration
    Serve(ConfigArg),
    /// Say whether a configuration is valid, and if not, where it is not
    Check(ConfigArg),
    /// Show it all in one process on the loopback interface: balancer, three PBXes, callers
    Demo(super::demo::Args),
    /// See and change the peers of a running server
    Peers(client::Peers),
    /// See and end the live calls of a running server
    Calls(client::Calls),
    /// Ask a running server where a call would go, and why not elsewhere; nothing is counted
    Explain(client::Explain),
    /// Turn the table of OpenSIPS's load_balancer or Kamailio's dispatcher into a configuration, on stdout
    Import {
        #[command(subcommand)]
        from: super::import::From,
    },
}

/// Which configuration.
#[derive(Args, Debug)]
pub struct ConfigArg {
    /// The configuration file
    #[arg(long, short, value_name = "FILE", default_value = "config/tandem.toml")]
    pub config: PathBuf,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_argument_has_a_help_text() {
        fn look(command: &clap::Command) {
            for argument in command.get_arguments() {
                assert!(
                    argument.get_help().is_some(),
                    "{} of {}",
                    argument.get_id(),
                    command.get_name()
                );
            }
            command.get_subcommands().for_each(look);
        }
        look(&Cli::command());
    }

    #[test]
    fn every_client_command_shows_an_example_that_the_command_line_takes() {
        fn look(command: &clap::Command, examples: &mut Vec<String>) {
            let help = command.get_after_help().map(ToString::to_string);
            let example = help.unwrap_or_default();
            assert!(example.contains("  tandem "), "{}", command.get_name());
            let lines = example.lines().filter(|line| line.starts_with("  tandem "));
            examples.extend(lines.map(str::to_owned));
            for inner in command.get_subcommands() {
                look(inner, examples);
            }
        }
        let cli = Cli::command();
        let mut examples = Vec::new();
        for name in ["peers", "calls", "explain"] {
            let found = cli.find_subcommand(name);
            look(found.expect("there is such a command"), &mut examples);
        }
        for example in examples {
            // Up to the shell's own words.
            let words = example.split_whitespace();
            let words = words.take_while(|word| !matches!(*word, "|" | "&&"));
            if let Err(error) = Cli::try_parse_from(words) {
                panic!("{example}: {error}");
            }
        }
    }

    #[test]
    fn the_default_configuration_is_in_the_folder_config() {
        let cli = Cli::try_parse_from(["tandem", "serve"]).expect("parsed");
        let Command::Serve(ConfigArg { config }) = cli.command else {
            panic!("not serve")
        };
        assert_eq!(config, PathBuf::from("config/tandem.toml"));
    }

    #[test]
    fn an_unknown_flag_is_a_usage_error() {
        let error = Cli::try_parse_from(["tandem", "serve", "--confg", "x"]).expect_err("refused");
        assert_eq!(
            (error.kind(), error.exit_code()),
            (ErrorKind::UnknownArgument, 2)
        );
    }
}
