//! A plan as a configuration, in which every choice says where it comes from.

use std::fmt::Write;

use super::place::Note;
use super::plan::{Group, Peer, Plan, Units};
use crate::app::client::table::plain;

/// The text of a configuration.
pub fn toml(plan: &Plan, file: &str) -> String {
    let mut text = format!(
        "# Made by `tandem import {}` from {}.\n",
        plan.from,
        plain(file)
    );
    let mut remarks = plan.remarks.clone();
    remarks.push("who may start calls, beside the PBXes, is [trust] sources; by default 127.0.0.0/8 and 10.0.0.0/8".to_owned());
    for remark in &remarks {
        put(&mut text, &format!("#  - {}", plain(remark)));
    }
    for group in &plan.groups {
        text.push('\n');
        write_group(&mut text, group);
    }
    for peer in &plan.peers {
        text.push('\n');
        write_peer(&mut text, peer);
    }
    write_routes(&mut text, plan);
    text
}

fn put(text: &mut String, line: &str) {
    // Writing into a String does not fail.
    let _ = writeln!(text, "{line}");
}

/// A value with what is said about it, from column 44 on.
fn put_why(text: &mut String, value: &str, why: &str) {
    put(
        text,
        format!("{value:<42} # {}", plain(why)).trim_end_matches([' ', '#']),
    );
}

fn write_notes(text: &mut String, notes: &[Note]) {
    for note in notes {
        put(
            text,
            &format!("# line {}: {}", note.line, plain(&note.words)),
        );
    }
}

fn write_group(text: &mut String, group: &Group) {
    write_notes(text, &group.notes);
    put(text, "[[group]]");
    put_why(
        text,
        &format!("name = {}", quote(&group.name)),
        &group.origin,
    );
    put_why(
        text,
        &format!("select = {}", quote(group.select)),
        &group.select_why,
    );
    if group.hard {
        put_why(
            text,
            "exhausted = []",
            "no room is no call; [\"dispatch\"] sends it all the same",
        );
    }
    if let Some(mode) = group.probe_mode {
        put(text, &format!("probe = {{ mode = {} }}", quote(mode)));
    }
}

fn write_peer(text: &mut String, peer: &Peer) {
    write_notes(text, &peer.notes);
    let mut table = String::from("[[peer]]\n");
    let lines: Vec<String> = peer.lines.iter().map(ToString::to_string).collect();
    let plural = if lines.len() == 1 { "" } else { "s" };
    let from = format!("line{plural} {}", lines.join(", "));
    put_why(&mut table, &format!("name = {}", quote(&peer.name)), &from);
    put(&mut table, &format!("uri = {}", quote(&peer.uri)));
    let groups: Vec<String> = peer.groups.iter().map(|name| quote(name)).collect();
    put(&mut table, &format!("groups = [{}]", groups.join(", ")));
    if !peer.capacity.is_empty() {
        let units = peer.capacity.iter().map(|(name, units)| match units {
            Units::Limited(units) => format!("{} = {units}", key(name)),
            Units::Unlimited => format!("{} = \"unlimited\"", key(name)),
        });
        let units = units.collect::<Vec<_>>().join(", ");
        put(&mut table, &format!("capacity = {{ {units} }}"));
    }
    if let Some(weight) = peer.weight {
        put(&mut table, &format!("weight = {weight}"));
    }
    if let Some(priority) = peer.priority {
        put_why(
            &mut table,
            &format!("priority = {priority}"),
            "turned round: here the lowest is first",
        );
    }
    for line in table.lines() {
        let sign = if peer.left_out { "# " } else { "" };
        put(text, &format!("{sign}{line}"));
    }
}

/// Without a route, calls go to the first group and take `calls`; what that leaves open is written out.
fn write_routes(text: &mut String, plan: &Plan) {
    let Some(first) = plan.groups.first() else {
        return;
    };
    let asked = |group| plan.resource(group).filter(|name| *name != "calls");
    if asked(first).is_none() && plan.groups.len() == 1 {
        return;
    }
    for group in &plan.groups[1..] {
        text.push('\n');
        put(
            text,
            &format!(
                "# What goes to {}, and what such a call takes, is in the script:",
                group.name
            ),
        );
        put(text, "# [[route]]");
        put(text, "# match = { user = \"^8\" }");
        write_target(text, "# ", group, asked(group));
    }
    text.push('\n');
    put(text, "[[route]]");
    put_why(text, "match = {}", "all other calls");
    write_target(text, "", first, asked(first));
}

fn write_target(text: &mut String, sign: &str, group: &Group, resource: Option<&str>) {
    put(text, &format!("{sign}group = {}", quote(&group.name)));
    if let Some(resource) = resource {
        let line = format!("{sign}resources = [{}]", quote(resource));
        put_why(text, &line, "what one call takes");
    }
}

/// A text of TOML.
fn quote(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A key of TOML: names hold no more than letters, digits, `-`, `_` and dots, and a dot means something of its own.
fn key(name: &str) -> String {
    match name.contains('.') {
        true => quote(name),
        false => name.to_owned(),
    }
}
