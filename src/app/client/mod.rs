//! `tandem peers`, `calls`, `explain` and `top`: thin clients of the HTTP API.
//!
//! The client is ureq, without TLS: blocking, since a command has nothing else to do, small, and the tests use
//! it as well.

mod api;
pub mod args;
mod calls;
mod drain;
mod explain;
mod peers;
pub mod table;
mod top;

use std::process::ExitCode;

use serde::Serialize;

use api::Failure;

/// What scripts may rely on; stands in every help text.
pub const CODES: &str =
    "Exit codes: 0 done; 1 refused by the server; 2 wrong command line; 3 no server at the URL;
4 no such peer or call; 5 token missing or wrong; 6 the answer is no (explain: the call would be
refused; drain --wait: calls were left at the end of --timeout, or the peer is drained no more).";

/// `tandem peers`.
pub fn peers(args: &args::Peers) -> ExitCode {
    ended(peers::run(args))
}

/// `tandem calls`.
pub fn calls(args: &args::Calls) -> ExitCode {
    ended(calls::run(args))
}

/// `tandem explain`.
pub fn explain(args: &args::Explain) -> ExitCode {
    ended(explain::run(args))
}

/// `tandem top`.
pub fn top(args: &args::Top) -> ExitCode {
    ended(top::run(args))
}

fn ended(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("tandem: {}", table::plain(failure.words()));
            ExitCode::from(failure.code())
        }
    }
}

/// The server's answer, as JSON or as people like it.
fn show<T: Serialize>(json: bool, answer: &T, human: impl FnOnce(&T) -> String) {
    if !json {
        return table::print(&human(answer));
    }
    let text = serde_json::to_string_pretty(answer)
        .expect("the API's shapes have text for keys, which JSON can say");
    table::print(&format!("{text}\n"));
}
