//! A count that is off the peer's own list, once that lasts.

use std::time::Instant;

use crate::base::limits::EVENTS_DRIFT_LASTING;

/// What is known of one peer's.
#[derive(Debug, Default)]
pub(super) struct Drift {
    /// Since when it has been off.
    since: Option<Instant>,
    /// What was told, until its end is told too.
    told: Option<String>,
}

impl Drift {
    /// Whether there is something to tell.
    pub(super) fn is_news(&mut self, adrift: bool, now: Instant) -> bool {
        if !adrift {
            self.since = None;
            return self.told.is_some();
        }
        let since = *self.since.get_or_insert(now);
        let lasts = now.saturating_duration_since(since) >= EVENTS_DRIFT_LASTING;
        lasts && self.told.is_none()
    }

    /// From what to what it went, where there is something to tell.
    pub(super) fn change(
        &mut self,
        adrift: bool,
        calls: Option<i64>,
        now: Instant,
    ) -> Option<(String, String)> {
        if !self.is_news(adrift, now) {
            return None;
        }
        let before = self.told.take();
        self.told = calls
            .filter(|_| adrift)
            .map(|calls| format!("{calls:+} calls"));
        let word = |told: &Option<String>| told.clone().unwrap_or_else(|| "none".to_owned());
        Some((word(&before), word(&self.told)))
    }
}
