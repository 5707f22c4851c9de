//! `[[peer]]`, from the file or from the body of `PUT /v1/peers/{peer}`.

use std::sync::Arc;
use std::time::Duration;

use super::address::Destination;
use super::node::{Node, Spot, Value};
use super::problem::quoted;
use super::reader::{Fields, Reader};
use super::values::{MS, is_name};
use crate::balance::{Capacity, CapacityMode, FeedbackSpec, PeerSpec};
use crate::base::limits::{CONFIG_UNITS_MAX, CONFIG_WEIGHT_MAX, FEEDBACK_TTL_SECONDS_MAX};

pub(super) const KEYS: [&str; 8] = [
    "name", "uri", "groups", "capacity", "weight", "priority", "cps", "feedback",
];

/// A peer and where it names others.
pub(super) struct PeerDraft {
    pub(super) spec: PeerSpec,
    pub(super) spot: Spot,
    pub(super) uri_spot: Spot,
    pub(super) place: Option<Destination>,
    /// The groups that it names; none written is the first group.
    pub(super) groups: Option<Vec<(String, Spot)>>,
}

/// One `[[peer]]`.
pub(super) fn peer(reader: &mut Reader<'_>, table: Node) -> Option<PeerDraft> {
    let mut fields = reader.fields(table, "[[peer]]", &KEYS)?;
    let name = reader.required_name(&mut fields, "[[peer]]");
    let spot = name
        .as_ref()
        .map_or(&fields.spot, |name| &name.spot)
        .clone();
    let name = name.map_or_else(String::new, |name| name.value);
    Some(described(reader, fields, &name, spot))
}

/// All but the name.
pub(super) fn described(
    reader: &mut Reader<'_>,
    mut fields: Fields,
    name: &str,
    spot: Spot,
) -> PeerDraft {
    let mut spec = PeerSpec::named(name);
    let mut uri_spot = spot.clone();
    let mut place = None;
    match fields.take("uri") {
        Some(node) => {
            uri_spot = node.spot.clone();
            place = peer_place(reader, &node, &mut spec);
        }
        None => {
            let right = "must have uri = \"sip:10.0.0.11:5060;transport=udp\"";
            let of = if name.is_empty() {
                String::new()
            } else {
                format!(" {}", quoted(name))
            };
            reader.missing(&fields.spot, format!("peer{of} has no uri, {right}"));
        }
    }
    let groups = fields.take("groups").and_then(|node| names(reader, node));
    if let Some(node) = fields.take("capacity") {
        spec.capacity = capacity(reader, node).unwrap_or(spec.capacity);
    }
    spec.weight = reader.number_or(&mut fields, "weight", 1..=CONFIG_WEIGHT_MAX, spec.weight);
    spec.priority = reader.number_or(&mut fields, "priority", 0..=1_000_000, spec.priority);
    let cps = fields.take("cps");
    spec.cps = cps.and_then(|node| reader.number(&node, 1..=1_000_000));
    spec.feedback = fields
        .take("feedback")
        .and_then(|node| feedback(reader, node));
    PeerDraft {
        spec,
        spot,
        uri_spot,
        place,
        groups,
    }
}

fn peer_place(reader: &mut Reader<'_>, node: &Node, spec: &mut PeerSpec) -> Option<Destination> {
    let text = reader.text(node, "a SIP URI such as \"sip:10.0.0.11:5060\"")?;
    let place = reader.sip_place(node)?;
    if place.port == Some(0) || place.ip.is_some_and(|ip| ip.is_unspecified()) {
        let right = "must be the address and port where the peer listens";
        reader.raise(
            &node.spot,
            format!("nobody can send to {}, {right}", text.shown),
        );
        return None;
    }
    spec.uri = text.value;
    spec.transport = place.transport;
    spec.addresses.extend(place.socket_addr());
    Some(place)
}

fn names(reader: &mut Reader<'_>, node: Node) -> Option<Vec<(String, Spot)>> {
    let spot = node.spot.clone();
    let items = reader.list(node, "a list such as [\"pbx\"]")?;
    if items.is_empty() {
        let right = "must name at least one, or be left out for the first";
        reader.raise(&spot, format!("groups is empty, {right}"));
    }
    let mut names: Vec<(String, Spot)> = Vec::new();
    for item in &items {
        let Some(text) = reader.text(item, "the name of a group") else {
            continue;
        };
        if names.iter().any(|(name, _)| *name == text.value) {
            reader.raise(
                &text.spot,
                format!("group {} is named twice, must stand once", text.shown),
            );
        } else {
            names.push((text.value, text.spot));
        }
    }
    Some(names)
}

/// `{ calls = 500, transcoding = "unlimited" }`; null is unlimited too.
pub(super) fn capacity(reader: &mut Reader<'_>, node: Node) -> Option<Vec<(Arc<str>, Capacity)>> {
    let spot = node.spot.clone();
    let entries = reader.table(node, "a table such as { calls = 500 }")?;
    if entries.is_empty() {
        let right =
            "must offer something such as { calls = 500 }, or be left out for unlimited calls";
        reader.raise(&spot, format!("capacity is empty, {right}"));
        return None;
    }
    let mut offered = Vec::new();
    for entry in entries {
        let name = &entry.node.label;
        if !is_name(name) {
            let right = "must be letters, digits, '-', '_' or '.'";
            reader.raise(
                &entry.spot,
                format!("{} is no name of a resource, {right}", quoted(name)),
            );
        } else {
            // A wrong amount is still an offer: routes that ask for it are not wrong too.
            let capacity = amount(reader, &entry.node).unwrap_or(Capacity::Unlimited);
            offered.push((name.as_str().into(), capacity));
        }
    }
    Some(offered)
}

fn amount(reader: &mut Reader<'_>, node: &Node) -> Option<Capacity> {
    match &node.value {
        Value::Null => Some(Capacity::Unlimited),
        Value::Text(word) if word == "unlimited" => Some(Capacity::Unlimited),
        Value::Text(word) if !word.starts_with("env:") && !word.starts_with("file:") => {
            let wrong = format!("{} is {}", node.label, quoted(word));
            let right =
                format!("must be a whole number from 0 to {CONFIG_UNITS_MAX}, or \"unlimited\"");
            reader.raise(&node.spot, format!("{wrong}, {right}"));
            None
        }
        Value::Text(_)
        | Value::Integer(_)
        | Value::Float
        | Value::Bool(_)
        | Value::Date
        | Value::List(_)
        | Value::Table(_) => reader
            .number(node, 0..=CONFIG_UNITS_MAX)
            .map(Capacity::Limited),
    }
}

fn feedback(reader: &mut Reader<'_>, node: Node) -> Option<FeedbackSpec> {
    let keys = ["token", "ttl", "capacity", "legs_per_call"];
    let mut fields = reader.fields(node, "feedback", &keys)?;
    let token = fields.take("token");
    if token.is_none() {
        let right = "must have token = \"env:NAME\" for the peer to show";
        let spot = fields.spot.clone();
        reader.missing(&spot, format!("feedback has no token, {right}"));
    }
    let token = token.and_then(|node| reader.secret(&node));
    let longest = Duration::from_secs(FEEDBACK_TTL_SECONDS_MAX.into());
    let ttl = Duration::from_secs(10);
    let ttl = reader.duration_or(&mut fields, "ttl", 100 * MS..=longest, ttl);
    let mode = fields.take("capacity").and_then(|node| {
        let words = [
            ("min", CapacityMode::Min),
            ("override", CapacityMode::Override),
            ("ignore", CapacityMode::Ignore),
        ];
        reader.word(&node, &words)
    });
    let legs_per_call = reader.number_or(&mut fields, "legs_per_call", 1..=100, 1);
    Some(FeedbackSpec {
        token: token?.expose().into(),
        ttl,
        capacity: mode.unwrap_or_default(),
        legs_per_call,
    })
}
