//! `GET /v1/history`: how many units each peer has held over the last ten minutes, for whoever comes to look now.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use parking_lot::Mutex;

use super::Api;
use super::model::HistoryAnswer;
use super::openapi::Guarded;
use crate::balance::Ledger;
use crate::base::limits::HISTORY_LOOKS_KEPT;
use crate::base::newest::keep_newest;

/// What looks in turn have found; the oldest make room.
#[derive(Default)]
pub struct LoadHistory {
    kept: Mutex<Looks>,
}

#[derive(Default)]
struct Looks {
    /// When, oldest first.
    at: VecDeque<Instant>,
    /// By peer, as many of the newest looks as have met it. Units fit, since capacities and calls are fewer.
    own: BTreeMap<Arc<str>, VecDeque<u32>>,
}

impl LoadHistory {
    /// Looks at every configured peer.
    pub fn look(&self, ledger: &Ledger, now: Instant) {
        let books = ledger.books(now);
        let directory = ledger.directory();
        let peers = books.iter().filter_map(|book| {
            let peer = directory.peer(book.peer).filter(|peer| !peer.removed)?;
            let own = book.resources.iter().map(|units| units.own).max();
            let own = u32::try_from(own.unwrap_or(0)).unwrap_or(u32::MAX);
            Some((Arc::clone(&peer.name), own))
        });
        let mut kept = self.kept.lock();
        let Looks { at, own } = &mut *kept;
        keep_newest(at, now, HISTORY_LOOKS_KEPT);
        let mut before = std::mem::take(own);
        *own = peers
            .map(|(name, units)| {
                let mut looks = before.remove(&name).unwrap_or_default();
                keep_newest(&mut looks, units, HISTORY_LOOKS_KEPT);
                (name, looks)
            })
            .collect();
    }

    fn answer(&self, now: Instant) -> HistoryAnswer {
        let kept = self.kept.lock();
        let age = |at: &Instant| now.saturating_duration_since(*at).as_secs_f64();
        let peers = kept.own.iter();
        HistoryAnswer {
            ages_seconds: kept
                .at
                .iter()
                .map(|at| (age(at) * 1e3).round() / 1e3)
                .collect(),
            peers: peers
                .map(|(name, own)| (name.to_string(), own.iter().copied().collect()))
                .collect(),
        }
    }
}

/// Shows how many units each peer has held over the last ten minutes.
///
/// Looked at every five seconds since this process started.
#[utoipa::path(get, path = "/v1/history", tag = "peers",
    responses((status = 200, description = "The last ten minutes", body = HistoryAnswer), Guarded))]
pub async fn show(State(api): State<Arc<Api>>) -> Json<HistoryAnswer> {
    Json(api.parts.events.loads.answer(Instant::now()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::limits::HISTORY_LOOK_EVERY;

    #[test]
    fn the_looks_that_are_kept_reach_back_ten_minutes_and_the_oldest_make_room() {
        let ledger = Ledger::new(&Default::default(), 7, Instant::now()).expect("nothing is sound");
        let loads = LoadHistory::default();
        let start = Instant::now();
        let at = |look: usize| start + HISTORY_LOOK_EVERY * u32::try_from(look).expect("few");
        for look in 0..=HISTORY_LOOKS_KEPT + 5 {
            loads.look(&ledger, at(look));
        }
        let ages = loads.answer(at(HISTORY_LOOKS_KEPT + 5)).ages_seconds;
        assert_eq!(ages.len(), HISTORY_LOOKS_KEPT);
        assert_eq!(ages.last(), Some(&0.0));
        assert_eq!(ages[0], Duration::from_secs(600).as_secs_f64());
    }
}
