//! Every metric that there is, in one table: documentation, dashboards and tests read it.

/// A metric with all its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Its labels, in the order in which values are given.
    pub labels: &'static [&'static str],
    /// One sentence.
    pub help: &'static str,
    /// Where its values come from.
    pub source: Source,
}

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only rises, from 0 at start.
    Counter,
    /// Goes both ways.
    Gauge,
    /// Counts by upper bound.
    Histogram,
}

impl Kind {
    /// As the exposition format says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Where a metric's values come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Gathered from the shards, the ledger and the operating system when somebody looks.
    Gathered,
    /// Recorded where it happens, through the `metrics` crate.
    Recorded,
}

impl Family {
    /// The unit of its values; none for plain numbers.
    pub fn unit(&self) -> Option<&'static str> {
        let stem = self.name.strip_suffix("_total").unwrap_or(self.name);
        ["seconds", "bytes"]
            .into_iter()
            .find(|unit| stem.ends_with(unit))
    }
}

const fn family(
    name: &'static str,
    kind: Kind,
    labels: &'static [&'static str],
    help: &'static str,
) -> Family {
    Family {
        name,
        kind,
        labels,
        help,
        source: Source::Gathered,
    }
}

const fn recorded(family: Family) -> Family {
    Family {
        source: Source::Recorded,
        ..family
    }
}

/// Declares each family as a constant, and all of them as [`FAMILIES`].
macro_rules! families {
    ($($constant:ident = $build:ident $kind:ident $name:literal [$($label:literal)*] $help:literal;)*) => {
        $(#[doc = $help] pub const $constant: Family = families!(@$build family($name, Kind::$kind, &[$($label),*], $help));)*
        /// Every metric that there is.
        pub const FAMILIES: &[Family] = &[$($constant),*];
    };
    (@gathered $family:expr) => { $family };
    (@recorded $family:expr) => { recorded($family) };
}

families! {
    PEER_OWN = gathered Gauge "tandem_peer_own" ["peer" "resource"]
        "Units of the resource that our live calls hold on the peer.";
    PEER_FOREIGN = gathered Gauge "tandem_peer_foreign" ["peer" "resource"]
        "Units of the resource that the peer reports beyond our own, while the report is fresh.";
    PEER_CAPACITY = gathered Gauge "tandem_peer_capacity" ["peer" "resource"]
        "Units of the resource that the peer has in all; absent when unlimited.";
    PEER_FREE = gathered Gauge "tandem_peer_free" ["peer" "resource"]
        "Units of the resource that new calls may take; absent when unlimited.";
    PEER_UP = gathered Gauge "tandem_peer_up" ["peer"]
        "1 while the peer is alive, or nothing is known to the contrary.";
    PEER_INFO = gathered Gauge "tandem_peer_info" ["peer" "group" "resource"]
        "Always 1, for every group that the peer is in and every resource that it offers there.";
    PEER_ELIGIBLE = gathered Gauge "tandem_peer_eligible" ["peer"]
        "1 while a new call may be given to the peer, its room aside.";
    PEER_ADMIN = gathered Gauge "tandem_peer_admin" ["peer" "state"]
        "1 for the state that the operator has set, 0 for the others.";
    PEER_RAMP = gathered Gauge "tandem_peer_ramp" ["peer"]
        "The share of the calls meant for the peer that it gets; below 1 while it recovers.";
    PEER_MARKED = gathered Gauge "tandem_peer_marked_calls" ["peer"]
        "Calls that the peer holds without having had room for them, or that nobody asked it for.";
    CALLS_ACTIVE = gathered Gauge "tandem_calls_active" ["group" "state"]
        "Live calls; the group is empty for calls that no group took.";
    CALLS = gathered Counter "tandem_calls_total" ["group" "outcome"]
        "New calls, by how their set-up ended.";
    SELECTIONS = gathered Counter "tandem_selections_total" ["group" "peer" "step"]
        "Choices of a peer, by the step of the ladder that made it.";
    FAILOVERS = gathered Counter "tandem_failovers_total" ["group" "peer" "reason"]
        "Calls that went on from a failed peer: timeout, transport, or its status.";
    SLOTS_GRANTED = gathered Counter "tandem_slots_granted_total" ["peer"]
        "Slots handed out on the peer.";
    SLOTS_RELEASED = gathered Counter "tandem_slots_released_total" ["peer" "cause"]
        "Slots given back, by cause; dropped is a bug.";
    LEDGER_DRIFT = gathered Gauge "tandem_ledger_drift" ["peer"]
        "Our count of calls less that of the peer's last complete list; absent without lists.";
    FEEDBACK_REPORTS = gathered Counter "tandem_feedback_reports_total" ["peer" "outcome"]
        "Load reports from the peer.";
    FEEDBACK_AGE = gathered Gauge "tandem_feedback_age_seconds" ["peer"]
        "Time since the peer's last load report; absent without one.";
    FEEDBACK_FRESH = gathered Gauge "tandem_feedback_fresh" ["peer"]
        "1 while the peer's last load report counts, 0 once its time to live is over; absent without one.";
    PROBE_RTT = gathered Histogram "tandem_probe_rtt_seconds" ["peer"]
        "Time from a probe to its answer.";
    PROBES = gathered Counter "tandem_probes_total" ["peer" "outcome"]
        "Probes of the peer, by what became of them.";
    SETUP = gathered Histogram "tandem_setup_seconds" ["group"]
        "Time from INVITE to the first 18x or 2xx.";
    ANSWER = gathered Histogram "tandem_answer_seconds" ["group"]
        "Time from INVITE to 2xx.";
    ADDED_DELAY = gathered Histogram "tandem_added_delay_seconds" []
        "Time from a message in to what followed from it out, this process alone.";
    MESSAGES = gathered Counter "tandem_messages_total" ["transport" "direction" "kind"]
        "SIP messages, by method or by class of status.";
    MESSAGES_DROPPED = gathered Counter "tandem_messages_dropped_total" ["reason"]
        "SIP messages that went no further.";
    CHECKS = gathered Counter "tandem_checks_total" ["outcome"]
        "Requests of ours that asked within a dialog whether the peer knows it: alive, forgotten, silent or unreachable.";
    RETRANSMISSIONS = gathered Counter "tandem_retransmissions_total" ["direction"]
        "Messages sent again by timers, and those from others that were absorbed.";
    TRANSACTIONS = gathered Gauge "tandem_transactions" []
        "Live SIP transactions.";
    MAILBOX_DEPTH = gathered Gauge "tandem_mailbox_depth" []
        "Messages that wait to change shards.";
    STORE_QUEUE_DEPTH = gathered Gauge "tandem_store_queue_depth" []
        "Rows that wait to be written to the database.";
    STORE_WRITES = gathered Counter "tandem_store_writes_total" ["outcome"]
        "Transactions with the database, by outcome: ok or failed.";
    STORE_LAST_WRITE = gathered Gauge "tandem_store_last_write_timestamp_seconds" []
        "When the database last took something, in seconds since 1970; 0 before the first time.";
    INVARIANT_VIOLATIONS = gathered Counter "tandem_invariant_violations_total" ["name"]
        "Truths found broken; any rise is a bug.";
    BUILD_INFO = gathered Gauge "tandem_build_info" ["version" "commit"]
        "Always 1; the labels say what runs.";
    PROCESS_CPU = gathered Counter "process_cpu_seconds_total" []
        "Processor time used, user and system.";
    PROCESS_RESIDENT = gathered Gauge "process_resident_memory_bytes" []
        "Memory in RAM.";
    PROCESS_OPEN_FDS = gathered Gauge "process_open_fds" []
        "Open file descriptors.";
    PROCESS_MAX_FDS = gathered Gauge "process_max_fds" []
        "File descriptors that may be open.";
    PROCESS_START = gathered Gauge "process_start_time_seconds" []
        "When the process started, in seconds since 1970.";
    HTTP_REQUESTS = recorded Counter "tandem_http_requests_total" ["method" "route" "status"]
        "HTTP requests, by what was answered.";
    RELOADS = recorded Counter "tandem_reloads_total" ["outcome"]
        "Reloads of the configuration: applied or refused.";
    NOTIFICATIONS = recorded Counter "tandem_notifications_total" ["result"]
        "Notices by HTTP, by what became of them: delivered, failed or dropped.";
    NOTIFICATIONS_QUEUE_DEPTH = recorded Gauge "tandem_notifications_queue_depth" []
        "Notices that wait to be delivered.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_name_is_given_twice() {
        let names: BTreeSet<_> = FAMILIES.iter().map(|family| family.name).collect();
        assert_eq!(names.len(), FAMILIES.len());
    }

    #[test]
    fn counters_and_only_counters_end_in_total() {
        for family in FAMILIES {
            let total = family.name.ends_with("_total");
            assert_eq!(total, family.kind == Kind::Counter, "{}", family.name);
        }
    }

    #[test]
    fn histograms_have_a_unit_and_no_label_of_their_own_format() {
        for family in FAMILIES.iter().filter(|f| f.kind == Kind::Histogram) {
            assert_eq!(family.unit(), Some("seconds"), "{}", family.name);
            assert!(!family.labels.contains(&"le"), "{}", family.name);
        }
    }

    #[test]
    fn help_is_one_sentence() {
        for family in FAMILIES {
            assert!(family.help.ends_with('.'), "{}", family.name);
            assert!(!family.help.contains(['\n', '\\']), "{}", family.name);
        }
    }
}
