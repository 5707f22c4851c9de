//! What the control plane records where it happens: HTTP requests and reloads, through the `metrics` crate.
//!
//! Counters only: the exporter keeps every sample of a histogram until somebody looks, which has no limit where
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
}
