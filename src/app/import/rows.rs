//! Rows of a table, from db_text or from columns with commas, tabs or bars.

use std::collections::HashMap;

use super::place::{Cell, Findings, Spot, quoted};

/// A row by the names of its columns; a column without a value is not there.
#[derive(Debug)]
pub struct Row {
    pub spot: Spot,
    pub cells: HashMap<String, Cell>,
}

/// The columns of `load_balancer`, in their order.
const COLUMNS: [&str; 7] = [
    "id",
    "group_id",
    "dst_uri",
    "resources",
    "probe_mode",
    "attrs",
    "description",
];

/// The columns by how many there are: those before OpenSIPS 3.3 have no `attrs`.
pub fn columns(count: usize) -> Option<Vec<String>> {
    let without = |name: &&&str| count == COLUMNS.len() || **name != "attrs";
    let names: Vec<String> = COLUMNS
        .iter()
        .filter(without)
        .map(|name| (*name).to_owned())
        .collect();
    (names.len() == count).then_some(names)
}

/// A row of as many values as there are columns.
pub fn row(
    spot: Spot,
    columns: &[String],
    values: Vec<Option<Cell>>,
    findings: &mut Findings,
) -> Option<Row> {
    if values.len() != columns.len() {
        let (has, wants) = (values.len(), columns.len());
        let right = format!("must be {wants}: {}", columns.join(", "));
        findings.wrong(spot, format!("this row has {has} values, {right}"));
        return None;
    }
    let named = columns.iter().cloned().zip(values);
    let cells = named
        .filter_map(|(name, cell)| Some((name, cell?)))
        .collect();
    Some(Row { spot, cells })
}

/// How values are told apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Colons, escaped by a backslash; the head names types.
    DbText,
    /// A letter; values may stand in double quotes.
    Columns(char),
}

/// Every row of a file that is no SQL.
pub fn rows(text: &str, findings: &mut Findings) -> Vec<Row> {
    let Some(form) = form(text) else {
        let right = "must be a db_text file, a dump with INSERT INTO load_balancer, or columns with commas, tabs or bars";
        findings.wrong(Spot::default(), format!("this is no table, {right}"));
        return Vec::new();
    };
    let mut columns: Option<Vec<String>> = None;
    let mut rows = Vec::new();
    let mut reader = Lines {
        text,
        spot: Spot::default(),
    };
    while let Some((spot, values)) = reader.next(form, findings) {
        let Some(values) = values else { continue };
        match &columns {
            Some(columns) => rows.extend(row(spot, columns, values, findings)),
            None => {
                let head = head(form, spot, &values, findings);
                let Some((names, is_head)) = head else {
                    return Vec::new();
                };
                if !is_head {
                    rows.extend(row(spot, &names, values, findings));
                }
                columns = Some(names);
            }
        }
    }
    rows
}

fn form(text: &str) -> Option<Form> {
    let first = text.lines().find(|line| !is_decoration(line))?;
    if first.contains("(int") || first.contains("(string") {
        return Some(Form::DbText);
    }
    let letters = ['|', '\t', ','];
    letters
        .into_iter()
        .find(|letter| first.contains(*letter))
        .map(Form::Columns)
}

/// Empty lines, comments, and the lines that a client of a database draws.
fn is_decoration(line: &str) -> bool {
    let line = line.trim();
    line.is_empty()
        || line.starts_with('#')
        || line
            .chars()
            .all(|letter| matches!(letter, '+' | '-' | '|' | ' '))
}

/// The names of the columns, and whether the line held them.
fn head(
    form: Form,
    spot: Spot,
    values: &[Option<Cell>],
    findings: &mut Findings,
) -> Option<(Vec<String>, bool)> {
    let texts = values
        .iter()
        .map(|cell| cell.as_ref().map_or("", |cell| &cell.text));
    let names: Vec<String> = match form {
        // `id(int,auto)`
        Form::DbText => texts
            .map(|text| text.split('(').next().unwrap_or_default().to_owned())
            .collect(),
        Form::Columns(_) => texts.map(|text| text.trim().to_ascii_lowercase()).collect(),
    };
    let named = |wanted: &str| names.iter().any(|name| name == wanted);
    if named("dst_uri") && named("group_id") && named("resources") {
        return Some((names, true));
    }
    let number = names
        .first()
        .is_some_and(|first| first.parse::<u64>().is_ok());
    match columns(names.len()).filter(|_| number) {
        Some(names) => Some((names, false)),
        None => {
            let right =
                "must name group_id, dst_uri and resources, or be a row of load_balancer's columns";
            findings.wrong(
                spot,
                format!("this first line names no columns of load_balancer, {right}"),
            );
            None
        }
    }
}

/// Reads lines, and values within them.
struct Lines<'t> {
    text: &'t str,
    spot: Spot,
}

type Values = Vec<Option<Cell>>;

impl Lines<'_> {
    /// The next line's place with its values, `None` for one without any; a quoted value may go over several.
    fn next(&mut self, form: Form, findings: &mut Findings) -> Option<(Spot, Option<Values>)> {
        if self.text.is_empty() {
            return None;
        }
        let spot = self.spot;
        let line = self.text.lines().next().unwrap_or_default();
        if is_decoration(line) {
            self.skip_line();
            return Some((spot, None));
        }
        let heading = form == Form::DbText && line.contains("(int") | line.contains("(string");
        let mut values = Vec::new();
        loop {
            let (value, more) = match (form, heading) {
                (Form::DbText, true) => self.escaped(' '),
                (Form::DbText, false) => self.escaped(':'),
                (Form::Columns(letter), _) => self.quotable(letter, findings),
            };
            values.push(value);
            if !more {
                break;
            }
        }
        if heading {
            values.retain(|value| value.is_some());
        }
        if form == Form::Columns('|') && line.trim_start().starts_with('|') {
            values.remove(0);
            values.pop();
        }
        Some((spot, Some(values)))
    }

    fn skip_line(&mut self) {
        while let Some(letter) = self.take() {
            if letter == '\n' {
                return;
            }
        }
    }

    fn take(&mut self) -> Option<char> {
        let letter = self.text.chars().next()?;
        self.text = &self.text[letter.len_utf8()..];
        self.spot = self.spot.step(letter);
        Some(letter)
    }

    /// A value up to `end`, with a backslash before what stands for itself; and whether another follows.
    fn escaped(&mut self, end: char) -> (Option<Cell>, bool) {
        let spot = self.spot;
        let mut text = String::new();
        let more = loop {
            match self.take() {
                None | Some('\n') => break false,
                Some('\r') => {}
                Some('\\') => text.extend(self.take().map(unescaped)),
                Some(letter) if letter == end => break true,
                Some(letter) => text.push(letter),
            }
        };
        (value(text, spot), more)
    }

    fn quotable(&mut self, end: char, findings: &mut Findings) -> (Option<Cell>, bool) {
        let blank = |letter: char| letter == ' ' && letter != end;
        while self.text.starts_with(blank) {
            self.take();
        }
        let spot = self.spot;
        let mut text = String::new();
        if self.text.starts_with('"') {
            self.take();
            loop {
                match self.take() {
                    Some('"') if self.text.starts_with('"') => text.extend(self.take()),
                    Some('"') => break,
                    Some(letter) => text.push(letter),
                    None => {
                        findings.wrong(
                            spot,
                            "this quoted value has no end, must end with a second \"",
                        );
                        return (None, false);
                    }
                }
            }
        }
        loop {
            match self.take() {
                None | Some('\n') => return (value(text, spot), false),
                Some(letter) if letter == end => return (value(text, spot), true),
                Some(letter) => text.push(letter),
            }
        }
    }
}

pub fn unescaped(letter: char) -> char {
    match letter {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        '0' => '\0',
        _ => letter,
    }
}

fn value(text: String, spot: Spot) -> Option<Cell> {
    let text = text.trim().to_owned();
    let none = text.is_empty() || text == "NULL" || text == "\\N";
    (!none).then_some(Cell { text, spot })
}

/// What a row must have.
pub fn required<'r>(row: &'r Row, column: &str, findings: &mut Findings) -> Option<&'r Cell> {
    let cell = row.cells.get(column);
    if cell.is_none() {
        let right = "must have one";
        findings.wrong(
            row.spot,
            format!("this row has no {}, {right}", quoted(column)),
        );
    }
    cell
}
