//! Rows of `load_balancer` from the INSERT statements of a dump, of MySQL's or PostgreSQL's making.

use super::place::{Cell, Findings, Spot};
use super::rows::{self, Row, unescaped};

/// Whether a text is SQL.
pub fn is_sql(text: &str) -> bool {
    let begins = |line: &str, word: &str| {
        let head = line.trim_start().get(..word.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(word))
    };
    let words = ["insert ", "replace into", "create table", "copy "];
    text.lines()
        .any(|line| words.iter().any(|word| begins(line, word)))
}

/// Every row that is inserted into `load_balancer`.
pub fn rows(text: &str, findings: &mut Findings) -> Vec<Row> {
    let mut reader = Reader {
        text,
        spot: Spot::default(),
        findings,
    };
    let mut rows = Vec::new();
    let mut found = false;
    loop {
        let token = reader.token();
        match &token.kind {
            Kind::End => break,
            Kind::Word(word) if is(word, "insert") || is(word, "replace") => {
                if reader
                    .table()
                    .is_some_and(|name| is(&name, "load_balancer"))
                {
                    found = true;
                    reader.insert(&mut rows);
                } else {
                    reader.skip_statement();
                }
            }
            Kind::Sign(';') => {}
            Kind::Word(_) | Kind::Text(_) | Kind::Sign(_) => reader.skip_statement(),
        }
    }
    if !found && findings.problems.is_empty() {
        let right = "must have them: mysqldump writes them, pg_dump with --inserts";
        let wrong = "there is no INSERT INTO load_balancer";
        findings.wrong(Spot::default(), format!("{wrong}, {right}"));
    }
    rows
}

fn is(word: &str, wanted: &str) -> bool {
    word.eq_ignore_ascii_case(wanted)
}

struct Token {
    kind: Kind,
    spot: Spot,
}

enum Kind {
    /// A word, a number, or a name in backticks or double quotes.
    Word(String),
    /// A value in quotes.
    Text(String),
    Sign(char),
    End,
}

struct Reader<'t, 'f> {
    text: &'t str,
    spot: Spot,
    findings: &'f mut Findings,
}

impl Reader<'_, '_> {
    fn take(&mut self) -> Option<char> {
        let letter = self.text.chars().next()?;
        self.text = &self.text[letter.len_utf8()..];
        self.spot = self.spot.step(letter);
        Some(letter)
    }

    fn take_until(&mut self, end: &str) {
        let length = self
            .text
            .find(end)
            .map_or(self.text.len(), |at| at + end.len());
        let (skipped, rest) = self.text.split_at(length);
        self.spot = self.spot.after(skipped);
        self.text = rest;
    }

    fn blanks_and_comments(&mut self) {
        loop {
            if self.text.starts_with(char::is_whitespace) {
                self.take();
            } else if self.text.starts_with("--") || self.text.starts_with('#') {
                self.take_until("\n");
            } else if self.text.starts_with("/*") {
                self.take_until("*/");
            } else {
                return;
            }
        }
    }

    fn token(&mut self) -> Token {
        self.blanks_and_comments();
        let spot = self.spot;
        let kind = match self.take() {
            None => Kind::End,
            Some('\'') => self.quoted('\'', spot).map_or(Kind::End, Kind::Text),
            Some(quote @ ('`' | '"')) => self.quoted(quote, spot).map_or(Kind::End, Kind::Word),
            Some(letter) if is_word(letter) => {
                let mut word = String::from(letter);
                while self.text.starts_with(is_word) {
                    word.extend(self.take());
                }
                Kind::Word(word)
            }
            Some(letter) => Kind::Sign(letter),
        };
        Token { kind, spot }
    }

    /// Up to the quote that ends it: twice the same stands for itself, as does what follows a backslash.
    fn quoted(&mut self, quote: char, start: Spot) -> Option<String> {
        let mut text = String::new();
        loop {
            match self.take() {
                Some('\\') if quote == '\'' => text.extend(self.take().map(unescaped)),
                Some(letter) if letter != quote => text.push(letter),
                Some(_) if self.text.starts_with(quote) => text.extend(self.take()),
                Some(_) => return Some(text),
                None => {
                    let wrong = format!("this text has no end, must end with a second {quote}");
                    self.findings.wrong(start, wrong);
                    return None;
                }
            }
        }
    }

    fn skip_statement(&mut self) {
        while !matches!(self.token().kind, Kind::Sign(';') | Kind::End) {}
    }

    /// The table's name, behind `INTO`, without its database.
    fn table(&mut self) -> Option<String> {
        loop {
            match self.token().kind {
                Kind::Word(word) if is(&word, "into") => break,
                Kind::Word(_) => {}
                Kind::Text(_) | Kind::Sign(_) | Kind::End => return None,
            }
        }
        loop {
            let Kind::Word(name) = self.token().kind else {
                return None;
            };
            self.blanks_and_comments();
            let last = name.rsplit('.').next().unwrap_or_default();
            if self.text.starts_with('.') {
                self.take();
            } else if !last.is_empty() {
                return Some(last.to_owned());
            }
        }
    }

    /// `(columns) VALUES (…), (…);`
    fn insert(&mut self, rows: &mut Vec<Row>) {
        let mut columns: Option<Vec<String>> = None;
        let mut token = self.token();
        if matches!(token.kind, Kind::Sign('(')) {
            let Some(named) = self.list(token.spot) else {
                return;
            };
            let names = named.into_iter().flatten();
            columns = Some(names.map(|cell| cell.text.to_ascii_lowercase()).collect());
            token = self.token();
        }
        if !matches!(&token.kind, Kind::Word(word) if is(word, "values")) {
            let wrong = "INSERT INTO load_balancer goes on otherwise, must be VALUES (…)";
            return self.give_up(token, wrong);
        }
        loop {
            let open = self.token();
            let spot = open.spot;
            if !matches!(open.kind, Kind::Sign('(')) {
                return self.give_up(open, "a row is missing here, must be (1, 1, 'sip:…', …)");
            }
            let Some(values) = self.list(spot) else {
                return;
            };
            rows.extend(self.row(spot, columns.as_deref(), values));
            let next = self.token();
            match next.kind {
                Kind::Sign(',') => {}
                Kind::Sign(';') | Kind::End => return,
                Kind::Word(_) | Kind::Text(_) | Kind::Sign(_) => {
                    return self.give_up(next, "a row is followed by this, must be , or ;");
                }
            }
        }
    }

    fn give_up(&mut self, at: Token, wrong: &str) {
        self.findings.wrong(at.spot, wrong);
        if !matches!(at.kind, Kind::Sign(';') | Kind::End) {
            self.skip_statement();
        }
    }

    fn row(
        &mut self,
        spot: Spot,
        columns: Option<&[String]>,
        values: Vec<Option<Cell>>,
    ) -> Option<Row> {
        let usual = rows::columns(values.len());
        match columns.map(<[String]>::to_vec).or(usual) {
            Some(columns) => rows::row(spot, &columns, values, self.findings),
            None => {
                let right = "must be 7, or 6 without attrs, or follow a list of columns";
                let wrong = format!("this row has {} values, {right}", values.len());
                self.findings.wrong(spot, wrong);
                None
            }
        }
    }

    /// Values up to the bracket that ends them; `None` once it has been said what is wrong.
    fn list(&mut self, start: Spot) -> Option<Vec<Option<Cell>>> {
        let mut values = Vec::new();
        let mut negative = false;
        let mut filled = false;
        loop {
            let Token { kind, spot } = self.token();
            match kind {
                Kind::Word(word) if !filled => {
                    let sign = if negative { "-" } else { "" };
                    let text = format!("{sign}{word}");
                    values.push((!is(&word, "null")).then_some(Cell { text, spot }));
                    filled = true;
                }
                Kind::Text(text) if !filled => {
                    let column = spot.column + 1;
                    let spot = Spot { column, ..spot };
                    values.push((!text.is_empty()).then_some(Cell { text, spot }));
                    filled = true;
                }
                Kind::Sign('-') if !filled => negative = true,
                Kind::Sign(',') if filled => (negative, filled) = (false, false),
                Kind::Sign(')') if filled => return Some(values),
                Kind::End => {
                    let wrong = "this bracket is not closed, must be by )";
                    if self.findings.problems.is_empty() {
                        self.findings.wrong(start, wrong);
                    }
                    return None;
                }
                kind @ (Kind::Word(_) | Kind::Text(_) | Kind::Sign(_)) => {
                    let wrong =
                        "this is no list of values, must be values with commas between them";
                    self.give_up(Token { kind, spot }, wrong);
                    return None;
                }
            }
        }
    }
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '$' | '.')
}
