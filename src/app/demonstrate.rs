//! `tandem demo`: puts the real balancer in the middle of the demo.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, anyhow};

use super::demo::{self, Running};
use super::serve::runtime;
use super::server::Server;
use crate::config::{self, System};

/// Runs the demo to its end.
pub fn run(args: &demo::Args) -> ExitCode {
    let shown = runtime().and_then(|runtime| runtime.block_on(demo::show(args, start)));
    shown.unwrap_or_else(|error| {
        eprintln!("tandem: {error:#}");
        ExitCode::from(super::INVALID)
    })
}

async fn start(text: String) -> anyhow::Result<Running> {
    let surroundings = System {
        folder: Path::new(".").to_owned(),
    };
    let config = config::parse("demo.toml", text.as_bytes(), &surroundings)
        .map_err(|invalid| anyhow!("{invalid}"))?;
    let server = Server::start(config, None).await?;
    let sip = *server.sip().first().context("the demo has one listener")?;
    let http = server.http();
    let stop = Box::pin(async move {
        server.stop().await;
        Ok(())
    });
    Ok(Running { sip, http, stop })
}
