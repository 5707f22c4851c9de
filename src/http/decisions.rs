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
use crate::base::newest::keep_newest;

/// The newest decisions, oldest first.
#[derive(Default)]
pub struct Decisions {
    kept: Mutex<VecDeque<DecisionEntry>>,
}

impl Decisions {
    /// Keeps one more; the oldest makes room.
    pub fn tell(&self, decision: DecisionEntry) {
        keep_newest(&mut self.kept.lock(), decision, DECISIONS_KEPT);
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
