//! The file `dispatcher.list` of Kamailio: `setid destination flags priority attrs`, a line each.

use super::names::group_name;
use super::place::{Cell, Findings, Note, Spot, quoted};
use super::plan::{Group, Peer, Plan, Units};
use crate::base::limits::CONFIG_WEIGHT_MAX;

const REMARKS: [&str; 2] = [
    "ds_select_dst() in the script says which set a call goes to, and by which algorithm: see the groups and routes",
    "calls that the PBXes place want a [[route]] with source = \"group:NAME\", before the others",
];
const FLAGS: [(i64, &str); 2] = [
    (
        1 | 2,
        "inactive or trying at the start is not carried over: health is found out",
    ),
    (
        16,
        "no DNS at the start is not carried over: names are asked for again every minute",
    ),
];
const DISABLED: i64 = 4;
const NO_PING: i64 = 32;
const KNOWN_FLAGS: i64 = 1 | 2 | 4 | 8 | 16 | 32;

/// A line, as far as it has to wait for the rest of its set.
struct Entry {
    set: String,
    /// Of the plan's peers.
    peer: String,
    line: usize,
    flags: i64,
    priority: Option<i64>,
    limited: bool,
    weighted: bool,
}

/// Makes groups and peers of all lines.
pub fn plan(text: &str, findings: &mut Findings) -> Plan {
    let mut plan = Plan::new("kamailio");
    plan.remarks = REMARKS.map(str::to_owned).to_vec();
    let mut entries = Vec::new();
    for (line, written) in (1..).zip(text.lines()) {
        let fields = fields(line, written);
        entries.extend(entry(&fields, &mut plan, findings));
    }
    if entries.is_empty() && findings.problems.is_empty() {
        let right = "must be such as: 1 sip:10.0.0.11:5060 0 0 weight=50";
        findings.wrong(
            Spot::default(),
            format!("there is no line with a destination, {right}"),
        );
    }
    let sets: Vec<String> = plan.groups.iter().map(|group| group.name.clone()).collect();
    for set in sets {
        let members: Vec<&Entry> = entries.iter().filter(|entry| entry.set == set).collect();
        settle(&set, &members, &mut plan);
    }
    plan
}

/// What white space parts, up to a comment.
fn fields(line: usize, written: &str) -> Vec<Cell> {
    let mut spot = Spot { line, column: 1 };
    let mut fields: Vec<Cell> = Vec::new();
    let mut within = false;
    for letter in written.chars() {
        match (letter, within) {
            ('#', false) => break,
            (letter, _) if letter.is_whitespace() => within = false,
            (letter, true) => {
                if let Some(field) = fields.last_mut() {
                    field.text.push(letter);
                }
            }
            (letter, false) => {
                within = true;
                let text = letter.to_string();
                fields.push(Cell { text, spot });
            }
        }
        spot = spot.step(letter);
    }
    fields
}

fn entry(fields: &[Cell], plan: &mut Plan, findings: &mut Findings) -> Option<Entry> {
    let set = fields.first()?;
    let line = set.spot.line;
    let number = findings.number(set, "the set");
    let Some(address) = fields.get(1) else {
        let right = "must be a set and a destination such as: 1 sip:10.0.0.11:5060";
        findings.wrong(set.spot, format!("this line has no destination, {right}"));
        return None;
    };
    let flags = fields.get(2).map_or(Some(0), |cell| flags(cell, findings));
    let priority = fields
        .get(3)
        .map(|cell| findings.number(cell, "the priority"));
    if let Some(more) = fields.get(5) {
        let right = "must end with the attributes, which hold no blanks";
        findings.wrong(
            more.spot,
            format!(
                "{} stands behind the attributes, {right}",
                quoted(&more.text)
            ),
        );
    }
    let attributes = fields.get(4).map(Cell::parts).unwrap_or_default();
    let number = number?;
    let set = group_name("set", number);
    plan.group(&set, || new_group(&set, number));
    let duid = attributes.iter().find_map(|part| match part.pair() {
        ("duid", Some(value)) => Some(value.text),
        _ => None,
    });
    let peer = plan.peer(address, duid.as_deref(), &set, findings)?;
    let mut entry = Entry {
        set,
        peer: peer.name.clone(),
        line,
        flags: flags?,
        priority: priority.flatten(),
        limited: false,
        weighted: false,
    };
    for part in &attributes {
        attribute(part, peer, &mut entry, findings);
    }
    if entry.flags & DISABLED != 0 {
        let words = format!(
            "flag 4, disabled, is the operator's word: tandem peers disable {}",
            peer.name
        );
        peer.note(line, words);
    }
    for (mask, words) in FLAGS {
        if entry.flags & mask != 0 {
            peer.note(line, format!("flag {}: {words}", entry.flags & mask));
        }
    }
    Some(entry)
}

fn flags(cell: &Cell, findings: &mut Findings) -> Option<i64> {
    let flags = findings.number(cell, "flags")?;
    if flags < 0 || flags & !KNOWN_FLAGS != 0 {
        findings.wrong(
            cell.spot,
            format!("flags is {flags}, must be a sum of 1, 2, 4, 8, 16 and 32"),
        );
        return None;
    }
    Some(flags)
}

fn new_group(name: &str, number: i64) -> Group {
    Group {
        name: name.to_owned(),
        origin: format!("set {number}"),
        select: "least-loaded",
        select_why: String::new(),
        probe_mode: None,
        hard: false,
        resources: Vec::new(),
        notes: Vec::new(),
    }
}

fn attribute(part: &Cell, peer: &mut Peer, entry: &mut Entry, findings: &mut Findings) {
    let line = part.spot.line;
    let (name, value) = part.pair();
    match (name, value) {
        ("duid", Some(_)) => {}
        ("maxload", Some(value)) => match findings.number(&value, "maxload") {
            Some(1..) => {
                let number = value.text.trim().parse().unwrap_or(i64::MAX);
                let units = peer.units(line, "calls", number);
                peer.offer(line, "calls", units);
                entry.limited = true;
            }
            Some(0) => peer.offer(line, "calls", Units::Unlimited),
            Some(_) => findings.wrong(
                value.spot,
                "maxload is below 0, must be a number of calls, or 0 for no limit",
            ),
            None => {}
        },
        ("weight" | "rweight", Some(value)) => {
            if let Some(number) = findings.number(&value, name) {
                entry.weighted = true;
                weight(name, number, line, peer);
            }
        }
        ("socket" | "sockname", _) => {
            peer.note(
                line,
                format!(
                    "{name} is left out: the [[listen]] nearest to the peer's address is taken"
                ),
            );
        }
        ("ping_from" | "obproxy", _) => {
            peer.note(
                line,
                format!("{name} is left out: probes go to the peer itself"),
            );
        }
        ("cc" | "latency" | "ocmin" | "ocmax" | "ocrate", _) => {
            peer.note(
                line,
                format!("{name} is left out: feedback with cpu_idle does this, and cps for a rate"),
            );
        }
        (_, _) => {
            let words = format!(
                "attribute {} is left out: routes match requests",
                quoted(&part.text)
            );
            peer.note(line, words);
        }
    }
}

fn weight(name: &str, number: i64, line: usize, peer: &mut Peer) {
    const MOST: u32 = CONFIG_WEIGHT_MAX;
    let weight = u32::try_from(number.max(0)).unwrap_or(MOST).clamp(1, MOST);
    if number != i64::from(weight) {
        peer.note(
            line,
            format!("{name}={number} becomes {weight}: weights are from 1 to {MOST}"),
        );
    }
    match peer.weight {
        None => peer.weight = Some(weight),
        Some(before) if before != weight => {
            peer.note(
                line,
                format!("{name}={number} is left out: the weight is {before} already"),
            );
        }
        Some(_) => {}
    }
}

/// What a set's lines say together.
fn settle(set: &str, entries: &[&Entry], plan: &mut Plan) {
    let priorities = || entries.iter().map(|entry| entry.priority.unwrap_or(0));
    let (most, least) = (
        priorities().max().unwrap_or(0),
        priorities().min().unwrap_or(0),
    );
    let limited = entries.iter().any(|entry| entry.limited);
    let weighted = entries.iter().any(|entry| entry.weighted);
    let unpinged = || entries.iter().filter(|entry| entry.flags & NO_PING != 0);
    let (select, why) = match (limited, most != least, weighted) {
        (true, _, _) => (
            "least-loaded",
            "as for algorithm 10, since there is a maxload",
        ),
        (false, true, _) => ("priority", "as for algorithm 8, since priorities differ"),
        (false, false, true) => (
            "weighted",
            "as for algorithms 9 and 11, since there are weights",
        ),
        (false, false, false) => ("least-loaded", "nothing in the file tells the algorithm"),
    };
    let Some(group) = plan.groups.iter_mut().find(|group| group.name == set) else {
        return;
    };
    (group.select, group.hard) = (select, limited);
    group.resources.push("calls".to_owned());
    group.select_why = why.to_owned();
    if unpinged().count() == entries.len() {
        group.probe_mode = Some("off");
    } else {
        let notes = unpinged().map(|entry| Note {
            line: entry.line,
            words: "flag 32, no pings, is left out: probes are a matter of the group".to_owned(),
        });
        group.notes = notes.collect();
    }
    if select != "priority" {
        return;
    }
    for entry in entries {
        let turned = most.saturating_sub(entry.priority.unwrap_or(0));
        let turned = u32::try_from(turned).unwrap_or(u32::MAX).min(1_000_000);
        let peer = plan.peers.iter_mut().find(|peer| peer.name == entry.peer);
        let Some(peer) = peer else { continue };
        match peer.priority {
            None => peer.priority = Some(turned),
            Some(before) if before != turned => {
                let words = format!(
                    "its priority in {set} is left out: it is {before} already, for all groups"
                );
                peer.note(entry.line, words);
            }
            Some(_) => {}
        }
    }
}
