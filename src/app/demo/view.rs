//! What the balancer says of itself over HTTP, read as any other client would.

use super::http;
use serde_json::Value;
use std::io;
use std::net::SocketAddr;

/// One peer, as `GET /v1/peers` shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    pub name: String,
    pub own: u64,
    pub foreign: u64,
    pub free: u64,
    pub capacity: u64,
    pub health: String,
    pub eligible: bool,
    pub why_not: String,
    /// Calls given to it since the start.
    pub granted: u64,
    /// Calls that left it for another.
    pub failed_over: u64,
}

/// The whole picture at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    pub peers: Vec<Peer>,
    pub granted: u64,
    pub released: u64,
    pub failovers: u64,
    /// Invariants that were violated; any is a bug.
    pub violations: u64,
}

impl View {
    /// Asks the balancer at `server`.
    ///
    /// # Errors
    /// When it cannot be reached or its answer is not what the contract says.
    pub async fn fetch(server: SocketAddr) -> io::Result<Self> {
        let (_, peers) = http::get(server, "/v1/peers").await?;
        let (_, metrics) = http::get(server, "/metrics").await?;
        let peers: Value = serde_json::from_str(&peers).map_err(io::Error::other)?;
        Ok(Self::read(&peers, &metrics))
    }

    fn read(peers: &Value, metrics: &str) -> Self {
        let list = peers["peers"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        Self {
            peers: list.iter().map(|peer| read_peer(peer, metrics)).collect(),
            granted: sum(metrics, "tandem_slots_granted_total", None),
            released: sum(metrics, "tandem_slots_released_total", None),
            failovers: sum(metrics, "tandem_failovers_total", None),
            violations: sum(metrics, "tandem_invariant_violations_total", None),
        }
    }

    /// Slots that are out.
    pub fn own(&self) -> u64 {
        self.peers.iter().map(|peer| peer.own).sum()
    }

    /// Whether every call is over and every slot that was granted has been given back, once.
    pub fn ledger_is_at_zero(&self) -> bool {
        !self.peers.is_empty()
            && self.own() == 0
            && self.granted == self.released
            && self.violations == 0
    }
}

fn read_peer(peer: &Value, metrics: &str) -> Peer {
    let name = peer["name"].as_str().unwrap_or_default().to_owned();
    let calls = &peer["resources"]["calls"];
    let count = |key: &str| calls[key].as_u64().unwrap_or_default();
    let reasons = peer["why_not"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let words: Vec<&str> = reasons.iter().filter_map(Value::as_str).collect();
    Peer {
        own: count("own"),
        foreign: count("foreign"),
        free: count("free"),
        capacity: count("capacity"),
        health: peer["health"].as_str().unwrap_or("?").to_owned(),
        eligible: peer["eligible"].as_bool().unwrap_or_default(),
        why_not: words.join(", "),
        granted: sum(metrics, "tandem_slots_granted_total", Some(&name)),
        failed_over: sum(metrics, "tandem_failovers_total", Some(&name)),
        name,
    }
}

/// The sum of a counter over all its labels, or those of one peer.
fn sum(metrics: &str, name: &str, peer: Option<&str>) -> u64 {
    let label = peer.map(|peer| format!("peer=\"{peer}\""));
    let samples = metrics.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let (labels, value) = rest.rsplit_once(' ')?;
        let whole_name = labels.is_empty() || labels.starts_with('{');
        let wanted = label
            .as_ref()
            .is_none_or(|label| labels.contains(label.as_str()));
        (whole_name && wanted)
            .then(|| value.parse::<f64>().ok())
            .flatten()
    });
    samples.sum::<f64>() as u64
}

#[cfg(test)]
mod tests {
    use super::{View, sum};
    use serde_json::json;

    const METRICS: &str = "# TYPE tandem_slots_granted_total counter\n\
        tandem_slots_granted_total{peer=\"a\"} 3\ntandem_slots_granted_total{peer=\"b\"} 4\n\
        tandem_slots_granted_total_other 9\n\
        tandem_slots_released_total{peer=\"a\",cause=\"bye\"} 2\n\
        tandem_slots_released_total{peer=\"a\",cause=\"cancelled\"} 1\n\
        tandem_slots_released_total{peer=\"b\",cause=\"bye\"} 4\n";

    #[test]
    fn a_counter_is_summed_over_its_labels_and_over_no_other_name() {
        assert_eq!(sum(METRICS, "tandem_slots_granted_total", None), 7);
        assert_eq!(sum(METRICS, "tandem_slots_granted_total", Some("b")), 4);
        assert_eq!(sum(METRICS, "tandem_failovers_total", None), 0);
    }

    #[test]
    fn the_ledger_is_at_zero_only_when_both_accounts_say_so() {
        let peers = |own: u64| json!({ "peers": [{ "name": "a", "resources": { "calls": { "own": own } } }] });
        assert!(View::read(&peers(0), METRICS).ledger_is_at_zero());
        assert!(!View::read(&peers(1), METRICS).ledger_is_at_zero());
        let lost = METRICS.replace("cancelled\"} 1", "cancelled\"} 0");
        assert!(!View::read(&peers(0), &lost).ledger_is_at_zero());
        // No answer is no proof.
        assert!(!View::read(&json!({}), "").ledger_is_at_zero());
    }
}
