//! What the server says at one time, and what lies between two of them.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use serde::Serialize;

use crate::app::client::api::{Api, Failure};
use crate::http::model::{GroupEntry, GroupList, PeerEntry, PeerList, StatusAnswer};

const SELECTIONS: &str = "tandem_selections_total";
const FAILOVERS: &str = "tandem_failovers_total";

/// All that one look at the server gives.
pub struct Reading {
    pub at: Instant,
    pub status: StatusAnswer,
    pub groups: Vec<GroupEntry>,
    pub peers: Vec<PeerEntry>,
    /// By peer.
    chosen: HashMap<String, u64>,
    failed_over: HashMap<String, u64>,
}

impl Reading {
    pub fn take(api: &Api) -> Result<Self, Failure> {
        let status = api.get("/v1/status")?;
        let groups: GroupList = api.get("/v1/groups")?;
        let peers: PeerList = api.get("/v1/peers")?;
        let metrics = api.text("/metrics")?;
        Ok(Reading {
            at: Instant::now(),
            status,
            groups: groups.groups,
            peers: peers.peers,
            chosen: by_peer(&metrics, SELECTIONS),
            failed_over: by_peer(&metrics, FAILOVERS),
        })
    }
}

/// The sum of a counter's series for each value of the label `peer`.
fn by_peer(metrics: &str, name: &str) -> HashMap<String, u64> {
    let mut sums: HashMap<String, u64> = HashMap::new();
    for line in metrics.lines() {
        let Some(rest) = line
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix('{'))
        else {
            continue;
        };
        let Some((labels, value)) = rest.rsplit_once("} ") else {
            continue;
        };
        // Names of peers hold no quotes and no commas.
        let peer = labels
            .split(',')
            .find_map(|label| label.strip_prefix("peer=\""));
        let value = value
            .split(' ')
            .next()
            .and_then(|value| value.parse::<f64>().ok());
        if let (Some(peer), Some(value)) = (peer, value) {
            let peer = peer.trim_end_matches('"').to_owned();
            *sums.entry(peer).or_default() += value as u64;
        }
    }
    sums
}

/// What is shown, and what `--json` prints.
#[derive(Debug, Serialize)]
pub struct Table {
    pub status: StatusAnswer,
    pub groups: Vec<GroupEntry>,
    pub peers: Vec<Row>,
    /// `null` before the second look.
    pub calls_per_second: Option<f64>,
    pub failovers: u64,
}

/// A peer with what its counters tell.
#[derive(Debug, Serialize)]
pub struct Row {
    #[serde(flatten)]
    pub peer: PeerEntry,
    /// Choices of the peer a second, failed ones too.
    pub calls_per_second: Option<f64>,
    /// Calls that went on from it, since the server's start.
    pub failovers: u64,
}

impl Row {
    /// That of the tightest resource; `None` without limits.
    pub fn utilisation(&self) -> Option<f64> {
        let rooms = self.peer.resources.values();
        rooms.filter_map(|room| room.utilisation).reduce(f64::max)
    }
}

impl Table {
    pub fn between(before: Option<&Reading>, now: &Reading) -> Self {
        let seconds = before.map(|before| (now.at - before.at).as_secs_f64());
        let rate = |name: &str| {
            let then = before?.chosen.get(name).copied().unwrap_or(0);
            let count = now.chosen.get(name).copied().unwrap_or(0);
            // A restart begins at 0 again.
            Some(count.saturating_sub(then) as f64 / seconds.filter(|it| *it > 0.0)?)
        };
        let row = |peer: &PeerEntry| Row {
            calls_per_second: rate(&peer.name),
            failovers: now.failed_over.get(&peer.name).copied().unwrap_or(0),
            peer: peer.clone(),
        };
        let peers: Vec<Row> = now.peers.iter().map(row).collect();
        let rates: Option<Vec<f64>> = peers.iter().map(|row| row.calls_per_second).collect();
        Table {
            status: now.status.clone(),
            groups: now.groups.clone(),
            calls_per_second: rates.map(|rates| rates.iter().sum()),
            failovers: now.failed_over.values().sum(),
            peers,
        }
    }

    /// The peers of a group, the most used first; those without limits by what they hold.
    pub fn members(&self, group: &GroupEntry) -> Vec<&Row> {
        let of_group = |row: &&Row| group.peers.contains(&row.peer.name);
        let mut rows: Vec<&Row> = self.peers.iter().filter(of_group).collect();
        rows.sort_by(|a, b| {
            let key = |row: &Row| (row.utilisation().unwrap_or(-1.0), own(row));
            key(b)
                .partial_cmp(&key(a))
                .unwrap_or(std::cmp::Ordering::Equal)
        });
        rows
    }

    /// Those that serve no group: removed, and holding calls still.
    pub fn strays(&self) -> Vec<&Row> {
        let mut grouped = BTreeMap::new();
        for group in &self.groups {
            grouped.extend(group.peers.iter().map(|name| (name.as_str(), ())));
        }
        let stray = |row: &&Row| !grouped.contains_key(row.peer.name.as_str());
        self.peers.iter().filter(stray).collect()
    }
}

fn own(row: &Row) -> f64 {
    let own: u64 = row.peer.resources.values().map(|room| room.own).sum();
    own as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counters_that_are_read_exist() {
        for name in [SELECTIONS, FAILOVERS] {
            let family = crate::metrics::FAMILIES
                .iter()
                .find(|family| family.name == name);
            assert!(family.is_some_and(|family| family.labels.contains(&"peer")));
        }
    }

    #[test]
    fn a_counter_is_summed_by_peer() {
        let text = "# TYPE tandem_selections_total counter\n\
                    tandem_selections_total{group=\"pbx\",peer=\"a\",step=\"balance\"} 7\n\
                    tandem_selections_total{group=\"pbx\",peer=\"a\",step=\"failover\"} 2\n\
                    tandem_selections_total{group=\"pbx\",peer=\"b\",step=\"balance\"} 1e3\n\
                    tandem_selections_total_other{peer=\"a\"} 9\n\
                    tandem_selections_total{peer=\"c\"} x\n";
        let sums = by_peer(text, SELECTIONS);
        assert_eq!((sums.len(), sums["a"], sums["b"]), (2, 9, 1000));
    }
}
