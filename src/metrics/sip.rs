//! The shards' metrics: what their cores have counted, added up when somebody looks.

use std::collections::BTreeMap;

use super::Scrape;
use super::names;
use super::text::Encoder;
use crate::balance::{Directory, GroupId};
use crate::call::CallStage;
use crate::proxy::stats::{GroupStats, KINDS, kind_label};
use crate::proxy::{CheckOutcome, DropReason, Outcome};
use crate::store::Figures;

/// Writes all families of the shards.
pub fn encode(encoder: &mut Encoder, scrape: &Scrape<'_>) {
    groups(encoder, scrape);
    failovers(encoder, scrape);
    messages(encoder, scrape);
    let core = scrape.core;
    let mut samples = encoder.family(names::CHECKS);
    for outcome in CheckOutcome::ALL {
        samples.whole(&[outcome.as_str()], core.checks[outcome.index()]);
    }
    let mut samples = encoder.family(names::RETRANSMISSIONS);
    samples.whole(&["in"], core.absorbed);
    samples.whole(&["out"], core.retransmitted);
    encoder
        .family(names::TRANSACTIONS)
        .whole(&[], core.transactions);
    encoder
        .family(names::MAILBOX_DEPTH)
        .whole(&[], scrape.mailbox_depth);
    store(encoder, scrape.store);
    if let Some(added_delay) = scrape.added_delay {
        let mut samples = encoder.family(names::ADDED_DELAY);
        samples.histogram(&[], added_delay);
    }
}

fn store(encoder: &mut Encoder, figures: &Figures) {
    encoder
        .family(names::STORE_QUEUE_DEPTH)
        .whole(&[], figures.depth);
    let mut samples = encoder.family(names::STORE_WRITES);
    samples.whole(&["ok"], figures.written);
    samples.whole(&["failed"], figures.failed);
    encoder.single(names::STORE_LAST_WRITE, figures.last_written);
}

/// Every configured group from the start, and calls that no group took, once there are any, without a name.
fn named(
    directory: &Directory,
    counted: &BTreeMap<Option<GroupId>, GroupStats>,
) -> Vec<(String, GroupStats)> {
    let mut groups: Vec<(String, GroupStats)> = directory
        .groups()
        .map(|group| {
            let stats = counted.get(&Some(group.id)).cloned();
            (group.name.to_string(), stats.unwrap_or_default())
        })
        .collect();
    groups.extend(
        counted
            .get(&None)
            .map(|stats| (String::new(), stats.clone())),
    );
    groups
}

fn groups(encoder: &mut Encoder, scrape: &Scrape<'_>) {
    let groups = named(scrape.directory, &scrape.core.groups);
    let mut samples = encoder.family(names::CALLS_ACTIVE);
    for (name, stats) in &groups {
        for stage in CallStage::ALL {
            samples.whole(&[name, stage.as_str()], stats.active[stage.index()]);
        }
    }
    let mut samples = encoder.family(names::CALLS);
    for (name, stats) in &groups {
        for outcome in Outcome::ALL {
            samples.whole(&[name, outcome.as_str()], stats.outcomes[outcome.index()]);
        }
    }
    let mut samples = encoder.family(names::SETUP);
    for (name, stats) in &groups {
        samples.histogram(&[name], &stats.setup_seconds);
    }
    let mut samples = encoder.family(names::ANSWER);
    for (name, stats) in &groups {
        samples.histogram(&[name], &stats.answer_seconds);
    }
}

fn failovers(encoder: &mut Encoder, scrape: &Scrape<'_>) {
    let mut samples = encoder.family(names::FAILOVERS);
    for ((group, peer, reason), count) in &scrape.core.failovers {
        let group = match group {
            None => Some(""),
            Some(id) => scrape.directory.group(*id).map(|group| &*group.name),
        };
        let peer = scrape.directory.peer(*peer).map(|peer| &*peer.name);
        // A group that was removed has no name any more, and its series ends.
        if let Some((group, peer)) = group.zip(peer) {
            samples.whole(&[group, peer, &reason.to_text()], *count);
        }
    }
}

fn messages(encoder: &mut Encoder, scrape: &Scrape<'_>) {
    let core = scrape.core;
    let mut samples = encoder.family(names::MESSAGES);
    // UDP is the only transport that listeners may have yet.
    for (direction, counts) in [("in", &core.received), ("out", &core.sent)] {
        for (kind, count) in counts.iter().enumerate().take(KINDS) {
            samples.whole(&["udp", direction, kind_label(kind)], *count);
        }
    }
    let mut samples = encoder.family(names::MESSAGES_DROPPED);
    for reason in DropReason::ALL {
        samples.whole(&[reason.as_str()], core.dropped[reason.index()]);
    }
    for (reason, count) in scrape.drops {
        samples.whole(&[reason], *count);
    }
}
