//! What the control plane records where it happens: HTTP requests, reloads and notices, through the `metrics` crate.
//!
//! No histograms: the exporter keeps every sample of a histogram until somebody looks, which has no limit where
//! nobody does.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use super::names::{self, FAMILIES, Kind, Source};

/// Starts to record, for the whole process. Later calls give back the same.
pub fn start() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        if ::metrics::set_global_recorder(recorder).is_err() {
            // Somebody embeds us and records already; what we render is then without these.
            tracing::debug!("another recorder of metrics is installed");
        }
        describe();
        handle
    })
}

/// Counts a reload of the configuration.
pub fn reloaded(applied: bool) {
    let outcome = if applied { "applied" } else { "refused" };
    ::metrics::counter!(names::RELOADS.name, "outcome" => outcome).increment(1);
}

/// What became of a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notified {
    /// The receiver has it.
    Delivered,
    /// The receiver refused it, or did not take it in time.
    Failed,
    /// It was given up before its turn.
    Dropped,
}

impl Notified {
    /// All there are.
    pub const ALL: [Notified; 3] = [Self::Delivered, Self::Failed, Self::Dropped];

    /// As the metric's label says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }
}

/// Counts notices.
pub fn notified(became: Notified, count: u64) {
    let result = became.as_str();
    ::metrics::counter!(names::NOTIFICATIONS.name, "result" => result).increment(count);
}

/// Tells how many notices wait.
pub fn notifications_waiting(count: usize) {
    ::metrics::gauge!(names::NOTIFICATIONS_QUEUE_DEPTH.name).set(count as f64);
}

fn describe() {
    for family in FAMILIES
        .iter()
        .filter(|family| family.source == Source::Recorded)
    {
        match family.kind {
            Kind::Counter => ::metrics::describe_counter!(family.name, family.help),
            Kind::Gauge => ::metrics::describe_gauge!(family.name, family.help),
            Kind::Histogram => ::metrics::describe_histogram!(family.name, family.help),
        }
    }
    // A counter that stands at 0 from the start shows its first rise.
    for outcome in ["applied", "refused"] {
        ::metrics::counter!(names::RELOADS.name, "outcome" => outcome).increment(0);
    }
    for became in Notified::ALL {
        notified(became, 0);
    }
    notifications_waiting(0);
}
