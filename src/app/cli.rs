//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::client::args as client;

const ABOUT: &str = "One SIP address in front of many PBXes: a load balancer that counts calls, fails over, \
                     and listens to how the PBXes feel";

const AFTER: &str = "Example:\n  tandem demo --seconds 30\n  tandem check --config config/tandem.toml\n\n\
                     Exit codes: 0 done; 1 the file is not valid, or it could not be done; 2 wrong command line; 3 to 6 see
`tandem peers --help`.";

const SERVE: &str = "Example:\n  tandem serve --config /etc/tandem/tandem.toml\n\n\
                     Exit codes: 0 stopped in order; 1 the configuration is not valid, or it could not start; 2 wrong command
line.";

const CHECK: &str = "Example:\n  tandem check --config config/tandem.toml\n\n\
                     Exit codes: 0 valid; 1 not valid, each mistake on stderr as file:line:column; 2 wrong command line.";

const DEMO: &str = "Example:\n  tandem demo --seconds 30 --rate 20\n\n\
                    Exit codes: 0 ended with all counts at zero; 1 they were not, or it could not start; 2 wrong command line.";

const IMPORT: &str = "Example:\n  tandem import kamailio /etc/kamailio/dispatcher.list > tandem.toml\n\n\
                      Exit codes: 0 printed, with what could not be carried over on stderr; 1 the file cannot be read, with
file:line:column; 2 wrong command line.";

const COMPLETIONS: &str = "Example:\n  source <(tandem completions bash)\n\n\
                           Exit codes: 0 printed; 2 wrong command line.";

/// What the user asks for.
#[derive(Debug, Parser)]
#[command(name = "tandem", version = super::VERSION, about = ABOUT, arg_required_else_help = true, after_help = AFTER)]
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
    #[command(after_help = SERVE)]
    Serve(ConfigArg),
    /// Say whether a configuration is valid, and if not, where it is not
    #[command(after_help = CHECK)]
    Check(ConfigArg),
    /// Show it all in one process on the loopback interface: balancer, three PBXes, callers
    #[command(after_help = DEMO)]
    Demo(super::demo::Args),
    /// See and change the peers of a running server
    Peers(client::Peers),
    /// See and end the live calls of a running server
    Calls(client::Calls),
    /// Ask a running server where a call would go, and why not elsewhere; nothing is counted
    Explain(client::Explain),
    /// Watch groups and peers of a running server in the terminal, refreshed each second
    Top(client::Top),
    /// Turn the table of OpenSIPS's load_balancer or Kamailio's dispatcher into a configuration, on stdout
    #[command(after_help = IMPORT)]
    Import {
        #[command(subcommand)]
        from: super::import::From,
    },
    /// Print what a shell needs to complete this command line
    #[command(after_help = COMPLETIONS)]
    Completions {
        /// Whose shell
        shell: super::completions::Shell,
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
    fn every_command_shows_an_example_that_the_command_line_takes() {
        fn look(command: &clap::Command, examples: &mut Vec<String>) {
            let help = command.get_after_help().map(ToString::to_string);
            let example = help.unwrap_or_default();
            assert!(
                example.contains("  tandem ") || example.contains("<(tandem "),
                "{}",
                command.get_name()
            );
            let lines = example.lines().filter(|line| line.starts_with("  tandem "));
            examples.extend(lines.map(str::to_owned));
            for inner in command.get_subcommands() {
                look(inner, examples);
            }
        }
        let mut examples = Vec::new();
        look(&Cli::command(), &mut examples);
        assert!(examples.len() > 15, "{examples:?}");
        for example in examples {
            // Up to the shell's own words.
            let words = example.split_whitespace();
            let words = words.take_while(|word| !matches!(*word, "|" | "&&" | ">"));
            if let Err(error) = Cli::try_parse_from(words) {
                panic!("{example}: {error}");
            }
        }
    }

    #[test]
    fn every_command_tells_its_exit_codes() {
        let cli = Cli::command();
        for command in cli.get_subcommands().chain([&cli]) {
            let help = command.get_after_help().map(ToString::to_string);
            let told = help.unwrap_or_default();
            assert!(told.contains("Exit codes: 0 "), "{}", command.get_name());
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
