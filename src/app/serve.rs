//! `tandem serve`.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::control::Operator;
use super::server::Server;
use crate::config;
use crate::http::Control;

/// Serves until a signal ends it.
pub fn run(path: &Path) -> ExitCode {
    let config = match config::load(path) {
        Ok(config) => config,
        Err(invalid) => {
            eprintln!("{invalid}");
            return ExitCode::from(super::INVALID);
        }
    };
    let served = runtime().and_then(|runtime| runtime.block_on(serve(config, path)));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tandem: {error:#}");
            ExitCode::from(super::INVALID)
        }
    }
}

/// One thread, the main one, for what may wait: HTTP, DNS, signals. SIP and the store have threads of their own. Of two,
/// each would wake the other for every request, which costs as much as the request.
pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime for HTTP and DNS")
}

async fn serve(config: config::Config, path: &Path) -> anyhow::Result<()> {
    // Before anything is open, so that no signal finds us without a handler.
    let mut signals = Signals::new().context("cannot listen for signals")?;
    let server = Server::start(config, Some(path.to_owned())).await?;
    let mut stdout = std::io::stdout();
    // Whoever started us may not care to read.
    let _ = writeln!(stdout, "{}", server.ready_line()).and_then(|()| stdout.flush());
    let signal = loop {
        match signals.next().await {
            // Aside, so that a DNS that takes its time delays no stop.
            Heard::Reload => drop(tokio::spawn(reload(server.operator()))),
            Heard::End(signal) => break signal,
        }
    };
    tracing::info!(signal, "stopping");
    tokio::select! {
        () = server.stop() => {}
        signal = signals.end() => tracing::warn!(signal, "asked again: ending at once"),
    }
    Ok(())
}

async fn reload(operator: Arc<Operator>) {
    match operator.reload().await {
        Ok(answer) => {
            for change in &answer.changed {
                tracing::info!(%change, "reloaded");
            }
            for change in &answer.needs_restart {
                tracing::warn!(%change, "not in force before a restart");
            }
            tracing::info!(changes = answer.changed.len(), "configuration reloaded");
        }
        Err(refused) => tracing::warn!("not reloaded, nothing has changed: {refused}"),
    }
}

/// What a signal asks for.
enum Heard {
    Reload,
    End(&'static str),
}

struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Signals {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Heard {
        tokio::select! {
            _ = self.hangup.recv() => Heard::Reload,
            _ = self.terminate.recv() => Heard::End("SIGTERM"),
            _ = self.interrupt.recv() => Heard::End("SIGINT"),
        }
    }

    /// Waits for a signal that ends us; gives its name.
    async fn end(&mut self) -> &'static str {
        loop {
            if let Heard::End(signal) = self.next().await {
                return signal;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::RuntimeFlavor;

    #[test]
    fn a_request_wakes_no_second_thread() {
        let runtime = super::runtime().expect("a runtime");
        let flavor = runtime.handle().runtime_flavor();
        assert_eq!(flavor, RuntimeFlavor::CurrentThread);
    }
}
