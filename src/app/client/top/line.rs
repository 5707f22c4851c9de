//! One line of a terminal: pieces of text, each with what it means.

use crate::app::client::table::plain;

/// What a piece of text means; its colour only repeats what the words say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Faint,
    Head,
    Good,
    Warning,
    Bad,
    Own,
    Foreign,
}

impl Tone {
    /// ECMA-48 SGR.
    fn code(self) -> Option<&'static str> {
        match self {
            Tone::Plain => None,
            Tone::Faint => Some("2"),
            Tone::Head => Some("1"),
            Tone::Good => Some("32"),
            Tone::Warning => Some("33"),
            Tone::Bad => Some("31"),
            Tone::Own => Some("36"),
            Tone::Foreign => Some("35"),
        }
    }
}

/// Never longer than it may be, and free of control characters.
#[derive(Clone, Debug, Default)]
pub struct Line {
    pieces: Vec<(String, Tone)>,
    length: usize,
    most: usize,
}

impl Line {
    pub fn new(most: usize) -> Self {
        Line {
            most,
            ..Line::default()
        }
    }

    /// Puts a text behind the others, as far as there is room.
    pub fn put(&mut self, text: &str, tone: Tone) -> &mut Self {
        let text = clipped(text, self.most - self.length);
        self.length += text.chars().count();
        if !text.is_empty() {
            self.pieces.push((text, tone));
        }
        self
    }

    /// Puts a text into a column of this width.
    pub fn cell(&mut self, text: &str, width: usize, right: bool, tone: Tone) -> &mut Self {
        let text = clipped(text, width);
        match right {
            true => self.put(&format!("{text:>width$}"), tone),
            false => self.put(&format!("{text:<width$}"), tone),
        }
    }

    /// The line without its end; in colour if they are wanted.
    pub fn text(&self, colour: bool) -> String {
        let mut text = String::new();
        for (piece, tone) in &self.pieces {
            match tone.code().filter(|_| colour) {
                Some(code) => text.push_str(&format!("\x1b[{code}m{piece}\x1b[0m")),
                None => text.push_str(piece),
            }
        }
        match colour {
            true => text,
            false => text.trim_end().to_owned(),
        }
    }
}

/// As many letters as there is room for; `…` stands for the others.
fn clipped(text: &str, most: usize) -> String {
    let text = plain(text);
    if text.chars().count() <= most {
        return text;
    }
    let mut kept: String = text.chars().take(most.saturating_sub(1)).collect();
    if most > 0 {
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_never_longer_than_it_may_be() {
        let mut line = Line::new(8);
        line.put("ab", Tone::Plain)
            .cell("cdefgh", 4, false, Tone::Bad)
            .put("ijklm", Tone::Plain)
            .put("no", Tone::Plain);
        assert_eq!(line.text(false), "abcde…i…");
        assert_eq!(line.text(true), "ab\x1b[31mcde…\x1b[0mi…");
    }

    #[test]
    fn what_the_server_says_cannot_steer_the_terminal() {
        let mut line = Line::new(20);
        line.put("\x1b[2Ja\nb\u{9b}", Tone::Plain);
        assert!(!line.text(false).chars().any(char::is_control));
    }
}
