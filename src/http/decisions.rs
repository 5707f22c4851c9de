//! `GET /v1/decisions`: the newest decisions that did not succeed at the first try.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use parking_lot::Mutex;

use super::Api;
use super::model::{DecisionEntry, DecisionList};
use super::openapi::Guarded;
use crate::base::limits::DECISIONS_KEPT;

/// The newest decisions, oldest first.
#[derive(Default)]
pub struct Decisions {
    kept: Mutex<VecDeque<DecisionEntry>>,
}

impl Decisions {
    /// Keeps one more; the oldest makes room.
    pub fn tell(&self, decision: DecisionEntry) {
        let mut kept = self.kept.lock();
        if kept.len() >= DECISIONS_KEPT {
            kept.pop_front();
        }
        kept.push_back(decision);
    }
}

/// Lists the newest decisions that failed, were refused by a route, or needed more than one try.
///
/// Each tells the tries with what came of them, and, where it failed, why no other peer took the call.
#[utoipa::path(get, path = "/v1/decisions", tag = "calls",
    responses((status = 200, description = "The newest such decisions", body = DecisionList), Guarded))]
pub async fn list(State(api): State<Arc<Api>>) -> Json<DecisionList> {
    let kept = api.parts.events.decisions.kept.lock();
    let decisions = kept.iter().rev().cloned().collect();
    Json(DecisionList { decisions })
}
