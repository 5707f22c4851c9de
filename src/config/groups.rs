//! `[probe]` and `[[group]]`.

use super::node::{Node, Spot};
use super::reader::{Fields, Reader};
use super::values::{LONGEST, MS};
use crate::balance::{
    Disable, Dispatch, ExhaustedStep, Failover, GroupSpec, ProbeMode, ProbeSpec, Select,
};

/// A group and where it names others.
pub(super) struct GroupDraft {
    pub(super) spec: GroupSpec,
    pub(super) spot: Spot,
    /// Groups among its exhausted steps.
    pub(super) next: Vec<(String, Spot)>,
}

pub(super) const SELECT: [(&str, Select); 7] = [
    ("least-loaded", Select::LeastLoaded),
    ("most-free", Select::MostFree),
    ("weighted", Select::Weighted),
    ("round-robin", Select::RoundRobin),
    ("random", Select::Random),
    ("priority", Select::Priority),
    ("hash", Select::Hash),
];

/// Those that need to know no load.
const BLIND: [(&str, Select); 5] = [
    ("hash", Select::Hash),
    ("random", Select::Random),
    ("round-robin", Select::RoundRobin),
    ("weighted", Select::Weighted),
    ("priority", Select::Priority),
];

/// A probe table, over what holds without it.
pub(super) fn probe(
    reader: &mut Reader<'_>,
    table: Option<Node>,
    title: &str,
    base: &ProbeSpec,
) -> ProbeSpec {
    const KEYS: [&str; 7] = [
        "method",
        "mode",
        "interval",
        "timeout",
        "down_after",
        "up_after",
        "accept",
    ];
    let mut probe = base.clone();
    let Some(mut fields) = table.and_then(|table| reader.fields(table, title, &KEYS)) else {
        return probe;
    };
    if let Some(node) = fields.take("method") {
        let method = reader.token(&node, "a method such as \"OPTIONS\"");
        probe.method = method.map_or(probe.method, |method| method.value.into());
    }
    if let Some(node) = fields.take("mode") {
        let words = [
            ("always", ProbeMode::Always),
            ("when-down", ProbeMode::WhenDown),
            ("off", ProbeMode::Off),
        ];
        probe.mode = reader.word(&node, &words).unwrap_or(probe.mode);
    }
    let spans = 10 * MS..=LONGEST;
    probe.interval = reader.duration_or(&mut fields, "interval", spans.clone(), probe.interval);
    probe.timeout = reader.duration_or(&mut fields, "timeout", spans, probe.timeout);
    probe.down_after = reader.number_or(&mut fields, "down_after", 1..=1000, probe.down_after);
    probe.up_after = reader.number_or(&mut fields, "up_after", 1..=1000, probe.up_after);
    if let Some(node) = fields.take("accept") {
        probe.accept = reader.codes(node).unwrap_or(probe.accept);
    }
    probe
}

/// One `[[group]]`.
pub(super) fn group(reader: &mut Reader<'_>, table: Node, base: &ProbeSpec) -> Option<GroupDraft> {
    const KEYS: [&str; 9] = [
        "name",
        "end_calls_of_dead_peers",
        "select",
        "hash_on",
        "failover",
        "disable",
        "exhausted",
        "dispatch",
        "probe",
    ];
    let mut fields = reader.fields(table, "[[group]]", &KEYS)?;
    let name = reader.required_name(&mut fields, "[[group]]");
    let spot = name
        .as_ref()
        .map_or(&fields.spot, |name| &name.spot)
        .clone();
    let mut spec = GroupSpec::named(name.map_or_else(String::new, |name| name.value));
    spec.select = reader.select(&mut fields, &SELECT).unwrap_or(spec.select);
    spec.hash_on = reader.hash_on(&mut fields).unwrap_or(spec.hash_on);
    spec.failover = failover(reader, &mut fields, spec.failover);
    spec.disable = disable(reader, &mut fields, spec.disable);
    spec.dispatch = dispatch(reader, &mut fields, spec.dispatch);
    spec.probe = probe(reader, fields.take("probe"), "probe of [[group]]", base);
    if let Some(node) = fields.take("end_calls_of_dead_peers") {
        let end = reader.boolean(&node);
        spec.end_calls_of_dead_peers = end.unwrap_or(spec.end_calls_of_dead_peers);
    }
    let mut next = Vec::new();
    if let Some(node) = fields.take("exhausted") {
        let example = "a list such as [\"dispatch\", \"group:NAME\"]";
        let items = reader.list(node, example).unwrap_or_default();
        let steps = items
            .iter()
            .filter_map(|item| step(reader, item, &mut next));
        spec.exhausted = steps.collect();
    }
    Some(GroupDraft { spec, spot, next })
}

fn failover(reader: &mut Reader<'_>, fields: &mut Fields, mut failover: Failover) -> Failover {
    let table = fields.take("failover");
    let table = table.and_then(|table| reader.fields(table, "failover", &["on", "max_attempts"]));
    let Some(mut table) = table else {
        return failover;
    };
    if let Some(node) = table.take("on") {
        failover.on = reader.failover_rules(node).unwrap_or(failover.on);
    }
    let attempts = failover.max_attempts;
    failover.max_attempts = reader.number_or(&mut table, "max_attempts", 1..=100, attempts);
    failover
}

fn disable(reader: &mut Reader<'_>, fields: &mut Fields, mut disable: Disable) -> Disable {
    const KEYS: [&str; 3] = ["after_timeouts", "after_failures", "retry_after_cap"];
    let table = fields.take("disable");
    let Some(mut table) = table.and_then(|table| reader.fields(table, "disable", &KEYS)) else {
        return disable;
    };
    let Disable {
        after_timeouts,
        after_failures,
        retry_after_cap,
    } = disable;
    let counts = 0..=1_000_000;
    disable.after_timeouts =
        reader.number_or(&mut table, "after_timeouts", counts.clone(), after_timeouts);
    disable.after_failures = reader.number_or(&mut table, "after_failures", counts, after_failures);
    let spans = std::time::Duration::ZERO..=LONGEST;
    disable.retry_after_cap =
        reader.duration_or(&mut table, "retry_after_cap", spans, retry_after_cap);
    disable
}

fn dispatch(reader: &mut Reader<'_>, fields: &mut Fields, mut dispatch: Dispatch) -> Dispatch {
    let table = fields.take("dispatch");
    let table = table.and_then(|table| reader.fields(table, "dispatch", &["select", "hash_on"]));
    let Some(mut table) = table else {
        return dispatch;
    };
    dispatch.select = reader.select(&mut table, &BLIND).unwrap_or(dispatch.select);
    dispatch.hash_on = reader.hash_on(&mut table).unwrap_or(dispatch.hash_on);
    dispatch
}

/// `dispatch`, `group:NAME` or `redirect:URI`.
fn step(
    reader: &mut Reader<'_>,
    item: &Node,
    next: &mut Vec<(String, Spot)>,
) -> Option<ExhaustedStep> {
    let text = reader.text(item, "a step such as \"dispatch\" or \"group:NAME\"")?;
    if text.value == "dispatch" {
        return Some(ExhaustedStep::Dispatch);
    }
    if let Some(name) = text.value.strip_prefix("group:") {
        next.push((name.to_owned(), text.spot.clone()));
        return Some(ExhaustedStep::Group(name.into()));
    }
    if let Some(uri) = text.value.strip_prefix("redirect:") {
        return reader.contact_uri(&text, uri).map(ExhaustedStep::Redirect);
    }
    let word = text.value.split(':').next().unwrap_or_default();
    let known = ["dispatch", "group:NAME", "redirect:URI"];
    let right = super::reader::meant(word, known.iter().copied());
    reader.raise(
        &text.spot,
        format!("there is no step {}, {right}", text.shown),
    );
    None
}
