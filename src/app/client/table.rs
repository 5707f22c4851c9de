//! Tables in a terminal.

use std::io::{self, Write};

/// Columns that are as wide as their widest cell. Cells of numbers stand to the right.
pub struct Table {
    right: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A head that begins with `>` belongs to a column of numbers.
    pub fn new(heads: &[&str]) -> Self {
        let texts = heads
            .iter()
            .map(|head| head.trim_start_matches('>').to_owned());
        Table {
            right: heads.iter().map(|head| head.starts_with('>')).collect(),
            rows: vec![texts.collect()],
        }
    }

    /// As many cells as there are heads.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows
            .push(cells.into_iter().map(|cell| plain(&cell)).collect());
    }

    /// The lines, each with its end.
    pub fn text(&self) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.right.len()).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let cells = row.iter().zip(&self.right).zip(&widths);
            let cells = cells.map(|((cell, right), width)| match right {
                true => format!("{cell:>width$}"),
                false => format!("{cell:<width$}"),
            });
            let line = cells.collect::<Vec<_>>().join("  ");
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// What strangers wrote into a SIP message must not steer the terminal.
pub fn plain(text: &str) -> String {
    let replace = |letter: char| {
        if letter.is_control() {
            '\u{fffd}'
        } else {
            letter
        }
    };
    text.chars().map(replace).collect()
}

/// Prints; whoever closed the pipe wants no more.
pub fn print(text: &str) {
    let mut out = io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// `1 call`, `2 calls`.
pub fn counted(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// `42s`, `3m07s`, `2h05m`.
pub fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_numbers_stand_to_the_right() {
        let mut table = Table::new(&["PEER", ">OWN", "WHY"]);
        table.row(["a".into(), "12345".into(), String::new()]);
        table.row(["längst".into(), "1".into(), "full".into()]);
        let lines = [
            "PEER      OWN  WHY",
            "a       12345",
            "längst      1  full",
            "",
        ];
        assert_eq!(table.text(), lines.join("\n"));
    }

    #[test]
    fn a_call_id_cannot_clear_the_screen() {
        let mut table = Table::new(&["CALL"]);
        table.row(["\u{1b}[2Jx\r\n\u{9b}1m".into()]);
        assert!(
            table
                .text()
                .chars()
                .all(|letter| letter == '\n' || !letter.is_control())
        );
        assert_eq!(table.text().lines().count(), 2);
    }

    #[test]
    fn ages_are_told_in_the_unit_that_fits() {
        assert_eq!([age(59), age(187), age(7500)], ["59s", "3m07s", "2h05m"]);
    }
}
