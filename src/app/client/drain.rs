//! `tandem peers drain --wait`: looks until the last call has ended, and says how it goes.

use std::io::{self, IsTerminal, Write};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::api::{Api, Failure};
use super::args::Drain;
use super::table::{age, counted, plain};
use crate::http::model::{DrainEntry, DrainState, PeerEntry};

/// How often a drain is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long the server may be away meanwhile: it keeps the drain over its own restart.
const AWAY_MAX: Duration = Duration::from_secs(60);

/// Until the last call has ended.
pub fn wait(api: &Api, asked: &Drain, mut peer: PeerEntry) -> Result<PeerEntry, Failure> {
    let (path, start) = (super::peers::path(&asked.name), Instant::now());
    let mut progress = Progress::new();
    let mut heard = start;
    loop {
        let Some(drain) = peer.drain.as_ref() else {
            progress.end();
            return Err(Failure::No(over(&peer)));
        };
        progress.tell(&peer, drain, start.elapsed());
        if drain.state == DrainState::Drained {
            return Ok(peer);
        }
        let waited = start.elapsed();
        if let Some(timeout) = asked.timeout.filter(|timeout| waited >= *timeout) {
            progress.end();
            let left = counted(drain.calls_left, "call");
            let words = format!(
                "{}: {left} left after {}",
                peer.name,
                age(timeout.as_secs())
            );
            return Err(Failure::No(words));
        }
        let patience = asked.timeout.map(|timeout| timeout - waited);
        sleep(patience.map_or(LOOK_EVERY, |patience| patience.min(LOOK_EVERY)));
        match api.get(&path) {
            Ok(now) => (peer, heard) = (now, Instant::now()),
            Err(Failure::NoServer(_)) if heard.elapsed() < AWAY_MAX => {}
            Err(failure) => {
                progress.end();
                return Err(failure);
            }
        }
    }
}

fn over(peer: &PeerEntry) -> String {
    let (name, admin) = (&peer.name, super::peers::admin(peer.admin));
    format!("{name} does not drain any more: somebody else has set it to {admin}")
}

/// A drain in a few words.
pub fn words(drain: &DrainEntry) -> String {
    if drain.state == DrainState::Drained {
        return "drained".to_owned();
    }
    let left = counted(drain.calls_left, "call");
    let mut words = match drain.expected_in_seconds {
        Some(expected) => format!("{left} left, the last over in about {}", whole(expected)),
        None => format!("{left} left"),
    };
    match drain.deadline_in_seconds {
        Some(0.0) => words.push_str(", being ended"),
        Some(deadline) => words.push_str(&format!(", the rest is ended in {}", whole(deadline))),
        None => {}
    }
    words
}

fn whole(seconds: f64) -> String {
    age(seconds.ceil() as u64)
}

/// On a terminal one line that changes, elsewhere a line for each change.
struct Progress {
    terminal: bool,
    told: Option<u64>,
}

impl Progress {
    fn new() -> Self {
        Progress {
            terminal: io::stderr().is_terminal(),
            told: None,
        }
    }

    fn tell(&mut self, peer: &PeerEntry, drain: &DrainEntry, waited: Duration) {
        let mut words = format!(
            "{}: {}, after {}",
            plain(&peer.name),
            words(drain),
            age(waited.as_secs())
        );
        let drained = drain.state == DrainState::Drained;
        let foreign = peer.resources.values().map(|room| room.foreign).max();
        if let Some(foreign) = foreign.filter(|foreign| drained && *foreign > 0) {
            words.push_str(&format!(
                "; it reports {foreign} more in use, which are not ours"
            ));
        }
        let mut err = io::stderr();
        // Progress that nobody reads is no reason to stop.
        let _ = match (self.terminal, self.told == Some(drain.calls_left)) {
            (true, _) => {
                // A line that wraps is not written anew but left behind.
                let shown: String = words.chars().take(columns().saturating_sub(1)).collect();
                write!(err, "\r\x1b[K{shown}").and_then(|()| err.flush())
            }
            (false, false) => writeln!(err, "{words}"),
            (false, true) => Ok(()),
        };
        self.told = Some(drain.calls_left);
        if drained {
            self.end();
        }
    }

    fn end(&self) {
        if self.terminal {
            eprintln!();
        }
    }
}

fn columns() -> usize {
    let size = crossterm::terminal::size().ok();
    let columns = size.map(|(columns, _)| usize::from(columns));
    columns.filter(|columns| *columns > 0).unwrap_or(80)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::model::DrainBy;

    #[test]
    fn a_drain_is_told_with_what_is_known_of_its_end() {
        let mut drain = DrainEntry {
            state: DrainState::Draining,
            by: DrainBy::Operator,
            age_seconds: Some(3.0),
            calls_left: 1,
            expected_in_seconds: None,
            deadline_in_seconds: None,
        };
        assert_eq!(words(&drain), "1 call left");
        (drain.calls_left, drain.expected_in_seconds) = (7, Some(89.2));
        assert_eq!(words(&drain), "7 calls left, the last over in about 1m30s");
        (drain.expected_in_seconds, drain.deadline_in_seconds) = (None, Some(599.1));
        assert_eq!(words(&drain), "7 calls left, the rest is ended in 10m00s");
        drain.deadline_in_seconds = Some(0.0);
        assert_eq!(words(&drain), "7 calls left, being ended");
        drain.state = DrainState::Drained;
        assert_eq!(words(&drain), "drained");
    }
}
