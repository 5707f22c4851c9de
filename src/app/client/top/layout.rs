//! The table for a terminal of any width.

use std::time::Duration;

use super::line::{Line, Tone};
use super::sample::{Row, Table};
use crate::app::client::table::{age, counted};
use crate::http::model::{AdminState, GroupEntry, HealthState, ResourceEntry};

/// What there is to show.
pub struct View<'t> {
    pub table: &'t Table,
    /// Why the numbers are old, and for how long.
    pub trouble: Option<(&'t str, Duration)>,
}

impl<'t> View<'t> {
    pub fn of(table: &'t Table) -> Self {
        let trouble = None;
        View { table, trouble }
    }
}

/// Columns of numbers: their head, their width, and from which width of the terminal on they stand.
const COLUMNS: [(&str, usize, usize); 6] = [
    ("OWN", 5, 40),
    ("FOREIGN", 7, 72),
    ("OF", 6, 48),
    ("USED", 5, 0),
    ("CALLS/S", 7, 60),
    ("FAILOVERS", 9, 78),
];
/// The shortest bar that tells something.
const BAR_MIN: usize = 6;
const BAR_MAX: usize = 40;

/// Where things stand in a line.
struct Widths {
    total: usize,
    peer: usize,
    state: usize,
    bar: usize,
}

impl Widths {
    fn of(total: usize, table: &Table) -> Self {
        let numbers: usize = columns(total).map(|(_, width, _)| width + 1).sum();
        let rest = total.saturating_sub(numbers);
        let longest = table.peers.iter().map(label_length).max().unwrap_or(0);
        let peer = longest.clamp(4, (rest / 3).max(4));
        let left = rest.saturating_sub(peer + 2);
        let bar = match left * 2 / 5 {
            bar if bar >= BAR_MIN => bar.min(BAR_MAX),
            _ => 0,
        };
        let state = left.saturating_sub(bar + usize::from(bar > 0)).min(44);
        Widths {
            total,
            peer,
            state,
            bar,
        }
    }
}

fn columns(total: usize) -> impl Iterator<Item = (&'static str, usize, usize)> {
    COLUMNS
        .into_iter()
        .filter(move |(_, _, from)| total >= *from)
}

/// A peer with several resources has a line for each, named beside it.
fn label_length(row: &Row) -> usize {
    let names = row.peer.resources.keys().filter(|name| *name != "calls");
    let longest = names
        .map(|name| name.chars().count() + 2)
        .max()
        .unwrap_or(0);
    row.peer.name.chars().count().max(longest)
}

/// All lines, none wider than `width`.
pub fn lines(view: &View, width: usize) -> Vec<Line> {
    let (mut lines, body) = head_and_body(view, width);
    lines.extend(body);
    lines
}

/// What stands above, and what may be moved.
pub fn head_and_body(view: &View, width: usize) -> (Vec<Line>, Vec<Line>) {
    let table = view.table;
    let mut head = vec![title(table, width), totals(table, width)];
    if let Some((words, since)) = view.trouble {
        let mut line = Line::new(width);
        line.put(&format!("for {}: ", age(since.as_secs())), Tone::Bad);
        line.put(words, Tone::Bad);
        head.push(line);
    }
    let widths = Widths::of(width, table);
    head.push(Line::new(width));
    head.push(heads(&widths));
    let mut lines = Vec::new();
    for group in &table.groups {
        lines.push(group_line(group, width));
        for row in table.members(group) {
            peer_lines(row, &widths, &mut lines);
        }
    }
    let strays = table.strays();
    if !strays.is_empty() {
        let mut line = Line::new(width);
        line.put("in no group", Tone::Head);
        lines.push(line);
        strays
            .iter()
            .for_each(|row| peer_lines(row, &widths, &mut lines));
    }
    (head, lines)
}

fn title(table: &Table, width: usize) -> Line {
    let status = &table.status;
    let mut line = Line::new(width);
    line.put(&status.node, Tone::Head);
    let (ready, tone) = match status.ready {
        true => ("ready", Tone::Good),
        false => ("not ready", Tone::Bad),
    };
    line.put("  ", Tone::Plain).put(ready, tone);
    // Whole seconds will do.
    let up = age(status.uptime_seconds as u64);
    line.put(
        &format!("  up {up}  tandem {}", status.version),
        Tone::Faint,
    );
    line
}

fn totals(table: &Table, width: usize) -> Line {
    let (calls, peers) = (&table.status.calls, &table.status.peers);
    let mut line = Line::new(width);
    let rate = table.calls_per_second;
    let rate = rate.map_or(String::new(), |rate| format!(" · {rate:.1}/s"));
    let (taking, all) = (peers.eligible, peers.total);
    let tone = if taking == all {
        Tone::Plain
    } else {
        Tone::Warning
    };
    line.put(&counted(calls.total, "call"), Tone::Head);
    line.put(&format!("{rate} · "), Tone::Plain);
    line.put(&format!("{taking} of {all} peers take calls"), tone);
    line.put(
        &format!(
            " · {} · {} ringing, {} up, {} ending",
            counted(table.failovers, "failover"),
            calls.ringing,
            calls.up,
            calls.ending
        ),
        Tone::Plain,
    );
    line
}

fn heads(widths: &Widths) -> Line {
    let mut line = Line::new(widths.total);
    line.cell("PEER", widths.peer + 1, false, Tone::Faint);
    line.put(" ", Tone::Plain);
    line.cell("STATE", widths.state, false, Tone::Faint);
    if widths.bar > 0 {
        line.put(" ", Tone::Plain);
        let legend = match widths.bar {
            22.. => "█ own ▒ foreign · free",
            15.. => "█ own ▒ foreign",
            _ => "█ ▒ ·",
        };
        line.cell(legend, widths.bar, false, Tone::Faint);
    }
    for (head, width, _) in columns(widths.total) {
        line.put(" ", Tone::Plain)
            .cell(head, width, true, Tone::Faint);
    }
    line
}

fn group_line(group: &GroupEntry, width: usize) -> Line {
    let mut line = Line::new(width);
    line.put(&group.name, Tone::Head);
    let (taking, all) = (group.eligible, group.peers.len());
    let tone = match taking {
        0 => Tone::Bad,
        _ if taking < all => Tone::Warning,
        _ => Tone::Plain,
    };
    line.put(&format!("  {taking} of {all} take calls"), tone);
    line.put(&format!("  {}", group.select), Tone::Faint);
    for (name, room) in &group.resources {
        let capacity = number(room.capacity);
        let used = room.own + room.foreign;
        line.put(&format!("  {name} {used} of {capacity}"), Tone::Faint);
    }
    line
}

fn peer_lines(row: &Row, widths: &Widths, lines: &mut Vec<Line>) {
    let mut first = true;
    for (name, room) in &row.peer.resources {
        let label = match first {
            true => row.peer.name.clone(),
            false => format!("  {name}"),
        };
        lines.push(peer_line(&label, row, room, first, widths));
        first = false;
    }
}

fn peer_line(label: &str, row: &Row, room: &ResourceEntry, first: bool, widths: &Widths) -> Line {
    let mut line = Line::new(widths.total);
    line.put(" ", Tone::Plain);
    line.cell(label, widths.peer, false, Tone::Plain);
    line.put(" ", Tone::Plain);
    let (state, tone) = if first {
        state(row)
    } else {
        (String::new(), Tone::Plain)
    };
    line.cell(&state, widths.state, false, tone);
    if widths.bar > 0 {
        line.put(" ", Tone::Plain);
        bar(&mut line, room, widths.bar);
    }
    let rate = row.calls_per_second.filter(|_| first);
    for (head, width, _) in columns(widths.total) {
        let text = match head {
            "OWN" => room.own.to_string(),
            "FOREIGN" => room.foreign.to_string(),
            "OF" => room
                .capacity
                .map_or("-".to_owned(), |units| units.to_string()),
            "USED" => room
                .utilisation
                .map_or("-".to_owned(), |it| format!("{:.0} %", it * 100.0)),
            "CALLS/S" => rate.map_or(String::new(), |rate| format!("{rate:.1}")),
            _ if first => row.failovers.to_string(),
            _ => String::new(),
        };
        line.put(" ", Tone::Plain)
            .cell(&text, width, true, Tone::Plain);
    }
    line
}

/// The peer's state in words.
fn state(row: &Row) -> (String, Tone) {
    let peer = &row.peer;
    let why = peer.why_not.first();
    match (peer.eligible, why, peer.health, peer.admin) {
        (true, None, _, _) => match full(row) {
            Some(name) => (format!("full: {name}"), Tone::Warning),
            None => ("takes calls".to_owned(), Tone::Good),
        },
        (true, Some(why), _, _) => (why.clone(), Tone::Warning),
        (false, Some(why), _, AdminState::Disabled | AdminState::Draining) => {
            (why.clone(), Tone::Warning)
        }
        (false, Some(why), HealthState::Up | HealthState::Unknown, _) => {
            (why.clone(), Tone::Warning)
        }
        (false, Some(why), HealthState::Down, _) => (why.clone(), Tone::Bad),
        (false, None, _, _) => ("takes no calls".to_owned(), Tone::Bad),
    }
}

/// A resource without room.
fn full(row: &Row) -> Option<&str> {
    let mut rooms = row.peer.resources.iter();
    let found = rooms.find(|(_, room)| room.free == Some(0));
    found.map(|(name, _)| name.as_str())
}

fn bar(line: &mut Line, room: &ResourceEntry, width: usize) {
    let Some(capacity) = room.capacity else {
        line.cell("unlimited", width, false, Tone::Faint);
        return;
    };
    let all = capacity.max(room.own + room.foreign).max(1);
    // A share that there is shows, however small it is.
    let cells = |units: u64| match units {
        0 => 0,
        _ => (units as f64 / all as f64 * width as f64).round().max(1.0) as usize,
    };
    let own = cells(room.own).min(width);
    let foreign = cells(room.foreign).min(width - own);
    line.put(&"█".repeat(own), Tone::Own);
    line.put(&"▒".repeat(foreign), Tone::Foreign);
    line.put(&"·".repeat(width - own - foreign), Tone::Faint);
}

fn number(units: Option<u64>) -> String {
    units.map_or("unlimited".to_owned(), |units| units.to_string())
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
