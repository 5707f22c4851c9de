//! The live table, and the lines that stand in for it where there is no terminal.

use super::view::{Peer, View};
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

/// The longest bar: the largest peer's.
const BAR: u64 = 48;

/// Callers' counts, as the table shows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub placed: u64,
    pub answered: u64,
    pub cancelled: u64,
    pub failed: u64,
    pub live: u64,
}

/// What the demo is printed on.
pub struct Screen {
    out: io::Stdout,
    terminal: bool,
    /// Lines of the table that stand on the terminal now.
    drawn: usize,
}

impl Screen {
    pub fn new() -> Self {
        let out = io::stdout();
        let terminal = out.is_terminal();
        Self {
            out,
            terminal,
            drawn: 0,
        }
    }

    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Prints a line that stays, above the table.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub fn say(&mut self, line: &str) -> io::Result<()> {
        self.wipe()?;
        writeln!(self.out, "{line}")?;
        self.out.flush()
    }

    /// Draws the table over the one before.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        self.wipe()?;
        for line in lines {
            writeln!(self.out, "{line}")?;
        }
        if self.terminal {
            self.drawn = lines.len();
        }
        self.out.flush()
    }

    fn wipe(&mut self) -> io::Result<()> {
        if self.drawn > 0 {
            // Up by so many lines, then clear to the end of the screen (ECMA-48 CUU, ED).
            write!(self.out, "\x1b[{}A\x1b[J", self.drawn)?;
            self.drawn = 0;
        }
        Ok(())
    }
}

/// `mm:ss`.
pub fn clock(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    format!("{:02}:{:02}", seconds / 60, seconds % 60)
}

/// The table. `rates` are new calls a second, peer by peer.
pub fn table(elapsed: Duration, view: &View, rates: &[f64], counts: &Counts) -> Vec<String> {
    let widest = view
        .peers
        .iter()
        .map(|peer| peer.capacity)
        .max()
        .unwrap_or(1)
        .max(1);
    let mut lines = vec![format!(
        "{}  {:<8} {:<8} {:<width$} {:>4} {:>7} {:>4} {:>4} {:>5} {:>11}",
        clock(elapsed),
        "peer",
        "health",
        "calls: █ ours  ▒ its own  · free",
        "ours",
        "its own",
        "free",
        "of",
        "cps",
        "failed over",
        width = BAR as usize,
    )];
    for (peer, rate) in view.peers.iter().zip(rates) {
        lines.push(format!(
            "       {:<8} {:<8} {} {:>4} {:>7} {:>4} {:>4} {:>5.1} {:>11}",
            peer.name,
            health(peer),
            bar(peer, widest),
            peer.own,
            peer.foreign,
            peer.free,
            peer.capacity,
            rate,
            peer.failed_over,
        ));
    }
    lines.push(format!(
        "       placed {} · answered {} · cancelled {} · failed {} · failed over {} · now {}",
        counts.placed,
        counts.answered,
        counts.cancelled,
        counts.failed,
        view.failovers,
        counts.live,
    ));
    lines
}

/// The same in one line, for a log.
pub fn line(elapsed: Duration, view: &View, counts: &Counts) -> String {
    let peers = view.peers.iter().map(|peer| {
        format!(
            "{} {} {}+{}/{}",
            peer.name,
            health(peer),
            peer.own,
            peer.foreign,
            peer.capacity
        )
    });
    format!(
        "{}  {} · placed {} answered {} cancelled {} failed {} failed over {}",
        clock(elapsed),
        peers.collect::<Vec<_>>().join(" · "),
        counts.placed,
        counts.answered,
        counts.cancelled,
        counts.failed,
        view.failovers,
    )
}

/// One word: what keeps it from taking calls, or that nothing does.
fn health(peer: &Peer) -> &str {
    match (peer.health.as_str(), peer.eligible) {
        ("down", _) => "DOWN",
        (_, false) => "resting",
        (word, true) => word,
    }
}

fn bar(peer: &Peer, widest: u64) -> String {
    let cells = |units: u64| (units * BAR).div_ceil(widest);
    let whole = cells(peer.capacity).min(BAR);
    let own = cells(peer.own).min(whole);
    let foreign = cells(peer.foreign).min(whole - own);
    let free = cells(peer.free).min(whole - own - foreign);
    let rest = BAR - own - foreign - free;
    let run = |cell: &str, count: u64| cell.repeat(usize::try_from(count).unwrap_or_default());
    [
        run("█", own),
        run("▒", foreign),
        run("·", free),
        run(" ", rest),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::{BAR, Counts, bar, line, table};
    use crate::app::demo::view::{Peer, View};
    use std::time::Duration;

    fn peer(own: u64, foreign: u64, free: u64, capacity: u64) -> Peer {
        let (name, health) = ("pbx-a".to_owned(), "up".to_owned());
        Peer {
            name,
            health,
            eligible: true,
            own,
            foreign,
            free,
            capacity,
            ..Peer::default()
        }
    }

    #[test]
    fn a_bar_is_as_long_as_the_peer_is_large_and_never_longer() {
        let cells = |peer: &Peer, cell: char| bar(peer, 60).chars().filter(|c| *c == cell).count();
        let half = peer(10, 5, 15, 30);
        assert_eq!(
            (cells(&half, '█'), cells(&half, '▒'), cells(&half, '·')),
            (8, 4, 12)
        );
        let over = peer(90, 90, 90, 60);
        assert_eq!(
            (cells(&over, '█'), cells(&over, '▒'), cells(&over, '·')),
            (BAR as usize, 0, 0)
        );
    }

    #[test]
    fn the_rows_of_the_table_line_up_and_say_who_is_down() {
        let down = Peer {
            health: "down".into(),
            eligible: false,
            ..peer(0, 0, 0, 30)
        };
        let view = View {
            peers: vec![peer(10, 5, 45, 60), down],
            failovers: 3,
            ..View::default()
        };
        let counts = Counts {
            placed: 12,
            ..Counts::default()
        };
        let lines = table(Duration::from_secs(75), &view, &[1.5, 0.0], &counts);
        assert_eq!(lines[0].chars().count(), lines[1].chars().count());
        assert_eq!(lines[1].chars().count(), lines[2].chars().count());
        assert!(
            lines[0].starts_with("01:15  ") && lines[2].contains("DOWN"),
            "{lines:?}"
        );
        assert!(
            lines[3].contains("placed 12") && lines[3].contains("failed over 3"),
            "{lines:?}"
        );
        assert!(line(Duration::from_secs(75), &view, &counts).contains("pbx-a up 10+5/60"));
    }
}
