//! `tandem top`: groups and peers of a running server, live.
//!
//! A thread asks the server each second ([`sample`]); what it hears is laid out for the terminal's width
//! ([`layout`]) and put on its other screen ([`screen`]), so that what stood there before comes back at the end.

mod layout;
mod line;
mod sample;
mod screen;

use std::io::IsTerminal;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::api::{Api, Failure};
use super::args::Top;
use layout::View;
use sample::{Reading, Table};
use screen::{Key, Screen};

/// How often the server is asked.
const EVERY: Duration = Duration::from_secs(1);
/// How often keys are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Where nothing tells the width.
const WIDTH: usize = 80;

pub fn run(args: &Top) -> Result<(), Failure> {
    let api = Api::new(&args.connection)?;
    let terminal = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
    if args.once || args.connection.json || !terminal {
        return once(&api, args.connection.json);
    }
    let first = Reading::take(&api)?;
    let Some(mut screen) = Screen::open() else {
        return once(&api, false);
    };
    live(api, first, &mut screen);
    Ok(())
}

/// Calls a second need two looks.
fn once(api: &Api, json: bool) -> Result<(), Failure> {
    let before = Reading::take(api)?;
    thread::sleep(EVERY);
    let now = Reading::take(api)?;
    let table = Table::between(Some(&before), &now);
    super::show(json, &table, |table| {
        let width = screen::width().unwrap_or(WIDTH);
        let colour = screen::colour_wanted() && std::io::stdout().is_terminal();
        let lines = layout::lines(&View::of(table), width);
        lines.iter().map(|line| line.text(colour) + "\n").collect()
    });
    Ok(())
}

fn live(api: Api, first: Reading, screen: &mut Screen) {
    // One answer may wait; a server that is away is asked no faster.
    let (sender, heard) = sync_channel(1);
    thread::spawn(move || ask(&api, &sender));
    let mut before = None;
    let mut now = first;
    let mut trouble: Option<(String, Instant)> = None;
    let mut first_line = 0;
    let mut stale = true;
    loop {
        if stale {
            let table = Table::between(before.as_ref(), &now);
            let mut view = View::of(&table);
            let told = trouble.as_ref();
            view.trouble = told.map(|(words, since)| (words.as_str(), since.elapsed()));
            first_line = screen.draw(&view, first_line);
        }
        stale = true;
        match heard.try_recv().ok() {
            Some(Ok(reading)) => {
                before = Some(std::mem::replace(&mut now, reading));
                trouble = None;
            }
            Some(Err(failure)) => {
                let since = trouble.map_or_else(Instant::now, |(_, since)| since);
                trouble = Some((failure.words().to_owned(), since));
            }
            None => stale = false,
        }
        match screen.key(LOOK_EVERY) {
            Some(Key::Quit) => return,
            Some(Key::Up(lines)) => first_line = first_line.saturating_sub(lines),
            Some(Key::Down(lines)) => first_line = first_line.saturating_add(lines),
            Some(Key::Redraw) => {}
            None => continue,
        }
        stale = true;
    }
}

/// Until nobody listens any more.
fn ask(api: &Api, sender: &SyncSender<Result<Reading, Failure>>) {
    loop {
        thread::sleep(EVERY);
        if sender.send(Reading::take(api)).is_err() {
            return;
        }
    }
}
