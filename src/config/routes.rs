//! `[[route]]`.

use std::sync::Arc;

use super::defaults;
use super::model::{ActionSpec, MatchSpec, RouteSpec, SourceSpec};
use super::node::{Node, Spot, Value};
use super::problem::quoted;
use super::reader::{Fields, Reader};
use super::values::{is_name, is_token};
use crate::base::limits::{CONFIG_UNITS_MAX, DEMAND_RESOURCES_MAX};
use crate::sip::Method;

/// A route and where it names others.
pub(super) struct RouteDraft {
    pub(super) spec: RouteSpec,
    pub(super) group_spot: Spot,
    pub(super) source_spot: Spot,
    pub(super) resources_spot: Spot,
}

/// One `[[route]]`, the `number`th of the file.
pub(super) fn route(reader: &mut Reader<'_>, table: Node, number: usize) -> Option<RouteDraft> {
    const KEYS: [&str; 7] = [
        "match",
        "group",
        "uri",
        "reject",
        "resources",
        "overflow",
        "count_source",
    ];
    let mut fields = reader.fields(table, "[[route]]", &KEYS)?;
    let spot = fields.spot.clone();
    let (matches, source_spot) = matches(reader, &mut fields);
    let resources = fields.take("resources");
    let resources_spot = resources.as_ref().map_or(&spot, |node| &node.spot).clone();
    let resources = resources.and_then(|node| demand(reader, node));
    let overflow = fields
        .take("overflow")
        .and_then(|node| reader.boolean(&node));
    let count_source = fields
        .take("count_source")
        .and_then(|node| reader.boolean(&node));
    let (action, group_spot) = action(reader, &mut fields)?;
    let spec = RouteSpec {
        matches,
        action,
        resources: resources.unwrap_or_else(|| vec![(defaults::RESOURCE.into(), 1)]),
        overflow: overflow.unwrap_or(false),
        count_source: count_source.unwrap_or(true),
        number,
    };
    Some(RouteDraft {
        spec,
        group_spot,
        source_spot,
        resources_spot,
    })
}

/// Exactly one of `group`, `uri` and `reject`.
fn action(reader: &mut Reader<'_>, fields: &mut Fields) -> Option<(ActionSpec, Spot)> {
    let right = "must have one of group = \"…\", uri = \"sip:…\" and reject = 403";
    let found = ["group", "uri", "reject"].map(|key| fields.take_entry(key));
    let mut found = found.into_iter().flatten();
    let Some(first) = found.next() else {
        let spot = fields.spot.clone();
        reader.missing(&spot, format!("[[route]] says not where to, {right}"));
        return None;
    };
    for more in found {
        let (one, other) = (&first.node.label, &more.node.label);
        reader.raise(
            &more.spot,
            format!("[[route]] has {other} beside {one}, {right}"),
        );
    }
    let node = first.node;
    let action = match node.label.as_str() {
        "group" => {
            let text = reader.text(&node, "the name of a group")?;
            ActionSpec::Group(text.value.into())
        }
        "uri" => {
            let text = reader.text(&node, "a SIP URI such as \"sip:carrier.example\"")?;
            reader.sip_place(&node)?;
            ActionSpec::Uri(text.value)
        }
        _ => ActionSpec::Reject(u16::try_from(reader.number(&node, 400..=699)?).ok()?),
    };
    Some((action, node.spot))
}

fn matches(reader: &mut Reader<'_>, fields: &mut Fields) -> (MatchSpec, Spot) {
    const KEYS: [&str; 5] = ["method", "user", "host", "source", "header"];
    let mut matches = MatchSpec::default();
    let mut source_spot = fields.spot.clone();
    let table = fields.take("match");
    let Some(mut table) = table.and_then(|table| reader.fields(table, "match", &KEYS)) else {
        return (matches, source_spot);
    };
    matches.method = table.take("method").and_then(|node| method(reader, &node));
    matches.user = table.take("user").and_then(|node| reader.pattern(&node));
    matches.host = table.take("host").and_then(|node| host(reader, &node));
    if let Some(node) = table.take("source") {
        source_spot = node.spot.clone();
        matches.source = source(reader, &node);
    }
    let headers = table.take("header");
    let example = "a table such as { X-Tenant = \"^a$\" }";
    let headers = headers.and_then(|node| reader.table(node, example));
    for entry in headers.unwrap_or_default() {
        let name = entry.node.label.clone();
        if !is_token(&name) {
            let right = "must be one such as X-Tenant";
            reader.raise(
                &entry.spot,
                format!("{} is no name of a header, {right}", quoted(&name)),
            );
        } else if let Some(pattern) = reader.pattern(&entry.node) {
            matches.headers.push((name, pattern));
        }
    }
    (matches, source_spot)
}

/// Methods compare by case, so `invite` would never match.
fn method(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.token(node, "a method such as \"INVITE\"")?;
    let upper = text.value.to_ascii_uppercase();
    let known = |word: &str| Method::of(word.as_bytes()) != Method::Other;
    if !known(&text.value) && known(&upper) {
        let wrong = format!("no method is written {}", text.shown);
        reader.raise(
            &text.spot,
            format!("{wrong}, did you mean {}?", quoted(&upper)),
        );
        return None;
    }
    Some(text.value)
}

fn host(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.text(node, "a host such as \"sip.example.com\"")?;
    let sign = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    if text.value.is_empty() || !text.value.bytes().all(sign) {
        let right =
            "must be a name or an address such as \"sip.example.com\", no pattern and no port";
        reader.raise(&text.spot, format!("host is {}, {right}", text.shown));
        return None;
    }
    Some(text.value.trim_end_matches('.').to_owned())
}

fn source(reader: &mut Reader<'_>, node: &Node) -> Option<SourceSpec> {
    let text = reader.text(node, "\"10.0.0.0/8\", \"peer:NAME\" or \"group:NAME\"")?;
    if let Some(name) = text.value.strip_prefix("peer:") {
        return Some(SourceSpec::Peer(name.into()));
    }
    if let Some(name) = text.value.strip_prefix("group:") {
        return Some(SourceSpec::Group(name.into()));
    }
    let net = text.value.parse().ok();
    let net = net.or_else(|| {
        text.value
            .parse()
            .ok()
            .map(|ip: std::net::IpAddr| ip.into())
    });
    if net.is_none() {
        let right = "must be a network such as \"10.0.0.0/8\", \"peer:NAME\" or \"group:NAME\"";
        reader.raise(&text.spot, format!("source is {}, {right}", text.shown));
    }
    net.map(SourceSpec::Net)
}

type Units = Vec<(Arc<str>, u32)>;

/// `["calls", "conference"]`, `{ transcoding = 2 }`, or both in one list.
fn demand(reader: &mut Reader<'_>, node: Node) -> Option<Units> {
    let spot = node.spot.clone();
    let example = "a list such as [\"calls\"] or a table such as { transcoding = 2 }";
    let items = match node.value {
        Value::Table(_) => vec![node],
        Value::Text(_)
        | Value::Integer(_)
        | Value::Float
        | Value::Bool(_)
        | Value::Date
        | Value::Null
        | Value::List(_) => reader.list(node, example)?,
    };
    let (mut units, raised): (Units, usize) = (Vec::new(), reader.raised.len());
    for item in items {
        demanded(reader, item, &mut units);
    }
    if units.len() > DEMAND_RESOURCES_MAX {
        let most = format!("must be at most {DEMAND_RESOURCES_MAX}");
        reader.raise(&spot, format!("resources names {}, {most}", units.len()));
    } else if units.is_empty() && reader.raised.len() == raised {
        let right = "must name at least one, or be left out for [\"calls\"]";
        reader.raise(&spot, format!("resources is empty, {right}"));
    }
    Some(units)
}

fn demanded(reader: &mut Reader<'_>, item: Node, units: &mut Units) {
    if let Value::Table(entries) = item.value {
        for entry in entries {
            if let Some(count) = reader.number(&entry.node, 1..=CONFIG_UNITS_MAX) {
                take(reader, &entry.node.label, count, &entry.spot, units);
            }
        }
    } else if let Some(text) = reader.text(&item, "the name of a resource such as \"calls\"") {
        take(reader, &text.value, 1, &text.spot, units);
    }
}

fn take(reader: &mut Reader<'_>, name: &str, count: u32, spot: &Spot, units: &mut Units) {
    let shown = quoted(name);
    if !is_name(name) {
        let right = "must be letters, digits, '-', '_' or '.'";
        reader.raise(spot, format!("{shown} is no name of a resource, {right}"));
    } else if units.iter().any(|(other, _)| **other == *name) {
        reader.raise(
            spot,
            format!("resource {shown} is named twice, must stand once"),
        );
    } else {
        units.push((name.into(), count));
    }
}
