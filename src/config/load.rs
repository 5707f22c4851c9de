//! From text to a whole configuration, or to all that is wrong with it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use toml::de::DeTable;

use super::checks::{self, Drafts};
use super::model::Config;
use super::node::{self, Entry, Node, Spot, Value};
use super::problem::{Invalid, Lines, Place, Problem};
use super::reader::{Fields, Reader, Surroundings, System};
use super::{groups, notify, peers, routes, sections};
use crate::balance::{Capacity, PeerSpec, ProbeSpec};
use crate::base::limits::CONFIG_BYTES_MAX;

/// Reads and checks a file.
pub fn load(path: &Path) -> Result<Config, Invalid> {
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let file = path.display().to_string();
    let unreadable = |why: String| Invalid {
        file: file.clone(),
        problems: vec![Problem {
            place: Place::Line { line: 1, column: 1 },
            message: format!("{why}, must be a readable TOML file"),
        }],
    };
    let size = std::fs::metadata(path).map(|meta| meta.len());
    if size.is_ok_and(|bytes| bytes > CONFIG_BYTES_MAX) {
        return Err(unreadable(format!(
            "the file has more than {CONFIG_BYTES_MAX} bytes"
        )));
    }
    let bytes = std::fs::read(path).map_err(|why| unreadable(format!("cannot read it ({why})")))?;
    parse(&file, &bytes, &System { folder })
}

/// Checks what a file of this name holds. Any bytes will do; none of them panic.
pub fn parse(file: &str, bytes: &[u8], surroundings: &dyn Surroundings) -> Result<Config, Invalid> {
    let (config, problems) = match std::str::from_utf8(bytes) {
        Ok(text) => document(text, surroundings),
        Err(why) => {
            let valid = bytes.get(..why.valid_up_to()).unwrap_or_default();
            let before = String::from_utf8_lossy(valid);
            let place = Lines::of(&before).place(before.len());
            let message = "this byte is not UTF-8, must be text in UTF-8".to_owned();
            (None, vec![Problem { place, message }])
        }
    };
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        Some(_) | None => Err(Invalid {
            file: file.to_owned(),
            problems,
        }),
    }
}

fn document(text: &str, surroundings: &dyn Surroundings) -> (Option<Config>, Vec<Problem>) {
    let lines = Lines::of(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut problems: Vec<(usize, Problem)> = Vec::new();
    let mut broken: BTreeSet<usize> = BTreeSet::new();
    for error in errors {
        let offset = error.span().map_or(0, |span| span.start.min(text.len()));
        let place = lines.place(offset);
        // What follows on a broken line is often an echo of the first error.
        if broken.insert(line_of(&place)) {
            let message = syntax(error.message());
            problems.push((offset, Problem { place, message }));
        }
    }
    add_adrift(text, &mut broken);
    let mut reader = Reader::new(Some(surroundings));
    reader.broken = !broken.is_empty();
    let config = whole(&mut reader, node::from_toml(table.into_inner()));
    for (spot, message) in reader.raised {
        let Spot::Offset(offset) = spot else {
            continue;
        };
        let place = lines.place(offset);
        if !broken.contains(&line_of(&place)) {
            problems.push((offset, Problem { place, message }));
        }
    }
    problems.sort_by_key(|(offset, _)| *offset);
    let problems = problems.into_iter().map(|(_, problem)| problem).collect();
    (config, problems)
}

fn line_of(place: &Place) -> usize {
    match place {
        Place::Line { line, column: _ } => *line,
        Place::Field(_) => 0,
    }
}

/// Below a broken header, lines belong to a table that they were not meant for, until the next header.
fn add_adrift(text: &str, broken: &mut BTreeSet<usize>) {
    let mut adrift = false;
    for (line, written) in (1..).zip(text.lines()) {
        if written.trim_start().starts_with('[') {
            adrift = broken.contains(&line);
        } else if adrift {
            broken.insert(line);
        }
    }
}

/// The parser's words in one line, with what would be right where it does not say so.
fn syntax(message: &str) -> String {
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    if message.contains("expected") {
        message
    } else if message.contains("duplicate key") {
        format!("{message}, must stand once")
    } else {
        format!("{message}, must be TOML such as key = \"value\"")
    }
}

fn whole(reader: &mut Reader<'_>, entries: Vec<Entry>) -> Option<Config> {
    const KEYS: [&str; 12] = [
        "node", "listen", "http", "store", "trust", "timers", "check", "notify", "probe", "group",
        "peer", "route",
    ];
    let document = Node {
        label: "this file".to_owned(),
        spot: Spot::Offset(0),
        value: Value::Table(entries),
    };
    let mut fields = reader.fields(document, "this file", &KEYS)?;
    let node = sections::node(reader, fields.take("node"));
    let listen = reader.tables(fields.take("listen"));
    let listeners = sections::listeners(reader, listen);
    let http = sections::http(reader, fields.take("http"));
    let store = sections::store(reader, fields.take("store"));
    let trust = sections::trust(reader, fields.take("trust"));
    let mut timing = sections::timers(reader, fields.take("timers"));
    timing.check = sections::check(reader, fields.take("check"));
    let notify = notify::notify(reader, fields.take("notify"));
    let probe = groups::probe(
        reader,
        fields.take("probe"),
        "[probe]",
        &ProbeSpec::default(),
    );
    let mut drafts = drafts(reader, &mut fields, &probe);
    drafts.listeners = listeners.iter().map(|listen| listen.address).collect();
    checks::check(reader, &mut drafts);
    Some(Config {
        node,
        listeners,
        http,
        store,
        trust,
        timing,
        notify,
        probe,
        peers: drafts.peer_specs(),
        groups: drafts.groups.into_iter().map(|group| group.spec).collect(),
        routes: drafts.routes.into_iter().map(|route| route.spec).collect(),
    })
}

fn drafts(reader: &mut Reader<'_>, fields: &mut Fields, probe: &ProbeSpec) -> Drafts {
    let tables = reader.tables(fields.take("group"));
    let mut groups = Vec::new();
    if tables.is_empty() {
        groups.push(checks::default_group(probe));
    }
    let read = tables
        .into_iter()
        .filter_map(|table| groups::group(reader, table, probe));
    groups.extend(read);
    let written = fields.take("peer");
    let absent = written.is_none();
    let tables = reader.tables(written);
    if absent {
        let right = "must have one or more, each with name = \"…\" and uri = \"sip:…\"";
        reader.missing(&Spot::Offset(0), format!("there is no [[peer]], {right}"));
    }
    let peers = tables
        .into_iter()
        .filter_map(|table| peers::peer(reader, table))
        .collect();
    let tables = reader.tables(fields.take("route"));
    let numbered = (1..).zip(tables);
    let routes = numbered
        .filter_map(|(number, table)| routes::route(reader, table, number))
        .collect();
    Drafts {
        listeners: Vec::new(),
        groups,
        peers,
        routes,
    }
}

/// A peer from the body of `PUT /v1/peers/{peer}`: the fields of a `[[peer]]` table, the name from the path.
/// References to the environment and to files are refused. `groups` are those that the peer may serve.
pub fn peer_from_json(
    name: &str,
    body: &serde_json::Value,
    groups: &[Arc<str>],
) -> Result<PeerSpec, Vec<Problem>> {
    let mut reader = Reader::new(None);
    let path = Node {
        label: "name".to_owned(),
        spot: Spot::Path("name".to_owned()),
        value: Value::Text(name.to_owned()),
    };
    reader.name(&path);
    let body = node::from_json(body, "the body", "");
    let mut peer = None;
    if let Some(mut fields) = reader.fields(body, "a peer", &peers::KEYS) {
        let again = fields.take("name");
        let differs = again.and_then(|node| reader.text(&node, "a name"));
        if let Some(again) = differs.filter(|again| again.value != name) {
            let right = "must be the name in the path, or be left out";
            reader.raise(&again.spot, format!("name is {}, {right}", again.shown));
        }
        let mut draft = peers::described(&mut reader, fields, name, path.spot);
        draft.spec.groups = checks::peer_groups(&mut reader, &draft, groups);
        peer = Some(draft.spec);
    }
    finished(reader, peer)
}

/// The capacities in the body of `PATCH /v1/peers/{peer}`: `{"calls": 300, "transcoding": "unlimited"}`.
pub fn capacity_from_json(
    capacity: &serde_json::Value,
) -> Result<Vec<(Arc<str>, Capacity)>, Vec<Problem>> {
    let mut reader = Reader::new(None);
    let node = node::from_json(capacity, "capacity", "capacity");
    let capacity = peers::capacity(&mut reader, node);
    finished(reader, capacity)
}

fn finished<T>(reader: Reader<'_>, value: Option<T>) -> Result<T, Vec<Problem>> {
    let problems: Vec<Problem> = reader
        .raised
        .into_iter()
        .map(|(spot, message)| Problem {
            place: Place::Field(match spot {
                Spot::Path(path) => path,
                Spot::Offset(_) => String::new(),
            }),
            message,
        })
        .collect();
    match value {
        Some(value) if problems.is_empty() => Ok(value),
        Some(_) | None => Err(problems),
    }
}
