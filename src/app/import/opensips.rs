//! The table `load_balancer` of OpenSIPS.

use super::names::{group_name, name_of};
use super::place::{Cell, Findings, Note, quoted};
use super::plan::{Group, Plan, Units};
use super::rows::{self, Row, required};
use super::sql;

const REMARKS: [&str; 2] = [
    "what lb_start() asks for in the script is not in the table: see the routes at the end",
    "calls that the PBXes place (lb_count_call) want a [[route]] with source = \"group:NAME\", before the others",
];

/// Makes groups and peers of all rows.
pub fn plan(text: &str, findings: &mut Findings) -> Plan {
    let rows = match sql::is_sql(text) {
        true => sql::rows(text, findings),
        false => rows::rows(text, findings),
    };
    let mut plan = Plan::new("opensips");
    plan.remarks = REMARKS.map(str::to_owned).to_vec();
    let mut probes = Vec::new();
    for row in &rows {
        probes.extend(add(row, &mut plan, findings));
    }
    if rows.is_empty() && findings.problems.is_empty() {
        let right = "must have one at least";
        findings.wrong(super::Spot::default(), format!("there is no row, {right}"));
    }
    probe_modes(&mut plan, &probes);
    plan
}

/// What a row says of probes: its group, its line, 0 to 2.
type Probe = (String, usize, i64);

fn add(row: &Row, plan: &mut Plan, findings: &mut Findings) -> Option<Probe> {
    let group = required(row, "group_id", findings);
    let group = group.and_then(|cell| findings.number(cell, "group_id"));
    let uri = required(row, "dst_uri", findings);
    let resources = required(row, "resources", findings);
    let resources = resources.map(|cell| resources_of(cell, findings));
    let mode = row.cells.get("probe_mode").cloned();
    let mode = mode.map_or(Some(0), |cell| probe_mode(&cell, findings));
    let (group, uri, resources, mode) = (group?, uri?, resources?, mode?);
    let name = group_name("group", group);
    let text = |column: &str| row.cells.get(column).map(|cell| cell.text.as_str());
    let line = row.spot.line;
    let peer = plan.peer(uri, text("description"), &name, findings)?;
    let mut offered = Vec::new();
    for (resource, offer) in resources {
        let named = name_of(&resource).unwrap_or_else(|| "resource".to_owned());
        if named != resource {
            let words = format!("the resource {} is named {named}", quoted(&resource));
            peer.note(line, words);
        }
        let units = match offer {
            Offer::Number(number) => peer.units(line, &named, number),
            Offer::FreeSwitch => {
                let words = format!(
                    "{named} comes from FreeSWITCH by its event socket: write a number in place of \
                     \"unlimited\", and let the agent of contrib/freeswitch report the load"
                );
                peer.note(line, words);
                Units::Unlimited
            }
        };
        peer.offer(line, &named, units);
        offered.push(named);
    }
    if let Some(attrs) = text("attrs") {
        let words = format!(
            "attrs {} are left out: routes match requests",
            quoted(attrs)
        );
        peer.note(line, words);
    }
    let group = plan.group(&name, || new_group(&name, group));
    group.resources.extend(offered);
    Some((name, line, mode))
}

fn new_group(name: &str, number: i64) -> Group {
    Group {
        name: name.to_owned(),
        origin: format!("group_id {number}"),
        select: "least-loaded",
        select_why: "lb_start(…, \"r\"); without the flag r it is most-free".to_owned(),
        probe_mode: None,
        hard: true,
        resources: Vec::new(),
        notes: Vec::new(),
    }
}

enum Offer {
    Number(i64),
    /// `fs://…`; its password is read nowhere.
    FreeSwitch,
}

fn resources_of(cell: &Cell, findings: &mut Findings) -> Vec<(String, Offer)> {
    let mut offers = Vec::new();
    for part in cell.parts() {
        let (name, Some(value)) = part.pair() else {
            let wrong = format!("{} has no number", quoted(&part.text));
            findings.wrong(part.spot, format!("{wrong}, must be such as pstn=32"));
            continue;
        };
        if value.text.starts_with("fs://") {
            offers.push((name.to_owned(), Offer::FreeSwitch));
            continue;
        }
        match value.text.parse() {
            Ok(number @ 0..) if !name.is_empty() => {
                offers.push((name.to_owned(), Offer::Number(number)));
            }
            Ok(_) | Err(_) => {
                let wrong = format!("resource {} has {}", quoted(name), quoted(&value.text));
                findings.wrong(
                    value.spot,
                    format!("{wrong}, must be a name with a number such as pstn=32"),
                );
            }
        }
    }
    offers
}

fn probe_mode(cell: &Cell, findings: &mut Findings) -> Option<i64> {
    let mode = findings.number(cell, "probe_mode")?;
    if !(0..=2).contains(&mode) {
        findings.wrong(
            cell.spot,
            format!("probe_mode is {mode}, must be 0, 1 or 2"),
        );
        return None;
    }
    Some(mode)
}

/// A group is probed as that of its rows that is probed most.
fn probe_modes(plan: &mut Plan, probes: &[Probe]) {
    const WORDS: [&str; 3] = ["off", "when-down", "always"];
    for group in &mut plan.groups {
        let of_group = || probes.iter().filter(|(name, _, _)| *name == group.name);
        let most = of_group().map(|(_, _, mode)| *mode).max().unwrap_or(2);
        let word = usize::try_from(most).ok().and_then(|at| WORDS.get(at));
        group.probe_mode = word.copied().filter(|word| *word != "always");
        let others = of_group().filter(|(_, _, mode)| *mode != most);
        let notes = others.map(|(_, line, mode)| Note {
            line: *line,
            words: format!(
                "probe_mode {mode} becomes {most}, as others of {} have it: probes are a matter of the group",
                group.origin
            ),
        });
        group.notes = notes.collect();
    }
}
