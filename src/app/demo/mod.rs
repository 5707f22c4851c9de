//! `tandem demo`: the whole thing in one process on the loopback interface.
//!
//! The balancer is the real one, started the way `tandem serve` starts it. Round it stand simulated
//! PBXes (`pbx`, `house`) and callers (`caller`), which speak SIP with a few lines of their own
//! (`text`, `wire`). What is shown, and the verdict at the end, is read over HTTP (`view`), as
//! any other client would.

mod caller;
mod house;
mod http;
mod pbx;
mod run;
mod story;
mod table;
mod text;
mod view;
mod wire;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::pin::Pin;

pub use run::show;

/// What `tandem demo` is told on the command line.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Ends after so many seconds; without it, Ctrl-C ends it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub seconds: Option<u64>,
    /// Calls that are placed each second
    #[arg(long, value_name = "CPS", default_value = "10", value_parser = rate)]
    pub rate: f64,
}

/// A balancer that runs.
pub struct Running {
    /// Where it takes calls.
    pub sip: SocketAddr,
    /// Its HTTP API and status page.
    pub http: SocketAddr,
    /// Stops it in order; done once it has stopped.
    pub stop: Pin<Box<dyn Future<Output = anyhow::Result<()>>>>,
}

/// The rates that one process can play callers and PBXes for.
fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text
        .parse()
        .map_err(|_| format!("`{text}` is not a number"))?;
    if (0.1..=1000.0).contains(&rate) {
        Ok(rate)
    } else {
        Err("from 0.1 to 1000".to_owned())
    }
}
