//! The terminal's other screen, and that the first one comes back however the program ends.

use std::io::{self, Stdout, Write};
use std::sync::Once;
use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use crossterm::terminal::{self, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{cursor, execute};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::layout::{self, View};
use super::line::{Line, Tone};

/// Where a terminal does not tell its size.
const SIZE: (usize, usize) = (80, 24);
const ENDS: u64 = 0;
const TERMINAL: u64 = 1;
/// Lines that a page is.
const PAGE: usize = 10;

/// What was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Quit,
    Up(usize),
    Down(usize),
    Redraw,
}

/// Raw mode and the other screen, until it is dropped.
pub struct Screen {
    out: Stdout,
    colour: bool,
    watch: Watch,
    /// A key was read, and more may have come with it.
    more: bool,
}

/// The terminal, and the signals that would end the program with the terminal as it is.
struct Watch {
    epoll: Epoll,
    /// Open for as long as they are to be read.
    _ends: SignalFd,
}

impl Screen {
    /// `None` where the terminal cannot do it.
    pub fn open() -> Option<Self> {
        if std::env::var("TERM").is_ok_and(|kind| kind == "dumb") {
            return None;
        }
        restore_on_panic();
        let mut out = io::stdout();
        let watch = Watch::new()?;
        terminal::enable_raw_mode().ok()?;
        // From here on, dropping it restores.
        let screen = Screen {
            out: io::stdout(),
            colour: colour_wanted(),
            watch,
            more: false,
        };
        execute!(out, EnterAlternateScreen, cursor::Hide).ok()?;
        Some(screen)
    }

    /// Draws head and body, the body from this line on if there is as much; gives the line that it took.
    pub fn draw(&mut self, view: &View, first_line: usize) -> usize {
        let (width, height) = size().unwrap_or(SIZE);
        let (mut lines, body) = layout::head_and_body(view, width);
        let room = height.saturating_sub(lines.len() + 1);
        let first = first_line.min(body.len().saturating_sub(room));
        let mut foot = Line::new(width);
        foot.put("q quits", Tone::Faint);
        if body.len() > room {
            let last = (first + room).min(body.len());
            let shown = format!(
                ", ↑ ↓ move: lines {} to {last} of {}",
                first + 1,
                body.len()
            );
            foot.put(&shown, Tone::Faint);
        }
        lines.extend(body.into_iter().skip(first).take(room));
        lines.truncate(height.saturating_sub(1));
        lines.push(foot);
        let texts: Vec<String> = lines.iter().map(|line| line.text(self.colour)).collect();
        // Home, each line with the rest of it cleared, then all below.
        let frame = format!("\x1b[H{}\x1b[K\x1b[J", texts.join("\x1b[K\r\n"));
        // A terminal that is gone is found by the next look at its keys.
        let _ = self.out.write_all(frame.as_bytes());
        let _ = self.out.flush();
        first
    }

    /// Waits so long for a key or the end.
    pub fn key(&mut self, patience: Duration) -> Option<Key> {
        let patience = match self.more {
            true => Duration::ZERO,
            false => patience,
        };
        if self.watch.ended(patience) {
            return Some(Key::Quit);
        }
        let came = event::poll(Duration::ZERO);
        self.more = matches!(came, Ok(true));
        match came {
            Ok(false) => None,
            Ok(true) => event::read().map_or(Some(Key::Quit), key),
            // Nobody is there any more.
            Err(_) => Some(Key::Quit),
        }
    }
}

impl Watch {
    fn new() -> Option<Self> {
        let ends = ends()?;
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).ok()?;
        let readable = |data| EpollEvent::new(EpollFlags::EPOLLIN, data);
        epoll.add(&ends, readable(ENDS)).ok()?;
        epoll.add(io::stdin(), readable(TERMINAL)).ok()?;
        Some(Watch { epoll, _ends: ends })
    }

    /// Waits so long for a key. True when the program is to end: a signal said so, or the terminal is gone, which crossterm
    /// would read for ever.
    fn ended(&self, patience: Duration) -> bool {
        let patience = EpollTimeout::try_from(patience).unwrap_or(EpollTimeout::ZERO);
        let mut events = [EpollEvent::empty(); 2];
        // A signal of another kind: nothing came.
        let count = self.epoll.wait(&mut events, patience).unwrap_or(0);
        let gone = EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR;
        let ends = |event: &EpollEvent| event.data() == ENDS || event.events().intersects(gone);
        events.iter().take(count).any(ends)
    }
}

fn key(event: Event) -> Option<Key> {
    let Event::Key(key) = event else {
        return matches!(event, Event::Resize(..)).then_some(Key::Redraw);
    };
    if key.kind == KeyEventKind::Release {
        return None;
    }
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Char('q' | 'Q') | KeyCode::Esc => Some(Key::Quit),
        KeyCode::Char('c' | 'd') if control => Some(Key::Quit),
        KeyCode::Char('l') if control => Some(Key::Redraw),
        KeyCode::Up | KeyCode::Char('k') => Some(Key::Up(1)),
        KeyCode::Down | KeyCode::Char('j') => Some(Key::Down(1)),
        KeyCode::PageUp => Some(Key::Up(PAGE)),
        KeyCode::PageDown | KeyCode::Char(' ') => Some(Key::Down(PAGE)),
        KeyCode::Home => Some(Key::Up(usize::MAX)),
        KeyCode::End => Some(Key::Down(usize::MAX)),
        _ => None,
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

fn restore() {
    let _ = execute!(io::stdout(), LeaveAlternateScreen, cursor::Show);
    let _ = terminal::disable_raw_mode();
}

/// The words of a panic stand on the first screen.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            before(panic);
        }));
    });
}

/// Signals that would end the program, to be read instead.
fn ends() -> Option<SignalFd> {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
        signals.add(signal);
    }
    signals.thread_block().ok()?;
    SignalFd::with_flags(&signals, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC).ok()
}

/// Columns and rows.
fn size() -> Option<(usize, usize)> {
    let (columns, rows) = terminal::size().ok()?;
    (columns > 0 && rows > 0).then_some((columns.into(), rows.into()))
}

/// The columns of the terminal, if there is one.
pub fn width() -> Option<usize> {
    use std::io::IsTerminal;
    let (columns, _) = io::stdout().is_terminal().then(size)??;
    Some(columns)
}

/// See <https://no-color.org>.
pub fn colour_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Set where this program runs itself in a terminal, to panic there.
    const PANICS: &str = "TANDEM_TEST_PANICS";

    #[test]
    fn a_panic_gives_the_screen_and_the_keys_back_and_its_words_stand_on_the_first_screen() {
        if std::env::var_os(PANICS).is_some() {
            let _screen = Screen::open().expect("a terminal");
            panic!("on purpose");
        }
        let this = std::env::current_exe().expect("a path");
        let name = std::thread::current()
            .name()
            .expect("the test's")
            .to_owned();
        // The shell stays, and tells how it finds its terminal.
        let line = format!("{} --exact {name} --nocapture; stty -a", this.display());
        let output = Command::new("script")
            .args(["-qec", &line, "/dev/null"])
            .envs([(PANICS, "1"), ("TERM", "xterm"), ("SHELL", "/bin/sh")])
            .output()
            .expect("script runs");
        let seen = String::from_utf8_lossy(&output.stdout);
        let (_, entered) = seen.split_once("\x1b[?1049h").expect("the other screen");
        let (_, left) = entered.split_once("\x1b[?1049l\x1b[?25h").expect("left");
        assert!(left.contains("on purpose"), "{seen:?}");
        for cooked in ["icanon", "echo", "isig", "opost"] {
            assert!(
                left.split_whitespace().any(|word| word == cooked),
                "no {cooked} in {seen:?}"
            );
        }
    }
}
