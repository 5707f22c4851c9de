//! What the HTTP API asks of the rest of the process, as two traits, so that it can be served and
//! tested without it.
//!
//! [`Control`] is the operator's side (configuration, readiness, metrics); [`Calls`] is the side of the
//! shards, which own the calls. Both are dyn-safe: their waits are boxed futures.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::balance::PeerId;

use super::model::{CallEntry, CallState, ExplainRequest, PeerPatch, ReloadAnswer};

/// A boxed future, so that the traits below can be used as `dyn`.
pub type Reply<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why an operation was not done. Each kind has one HTTP status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// 400: the request cannot be read.
    #[error("{0}")]
    Malformed(String),
    /// 404: it names something that is not there.
    #[error("{0}")]
    NotFound(String),
    /// 409: it is at odds with what is there.
    #[error("{0}")]
    Conflict(String),
    /// 422: it can be read, but cannot be so. Nothing was changed.
    #[error("{0}")]
    Impossible(String),
    /// 503: not now; the process starts, stops, or is too busy.
    #[error("{0}")]
    Unavailable(String),
    /// 500: our own fault.
    #[error("{0}")]
    Broken(String),
}

/// What [`Control::put_peer`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// There was no peer of that name.
    Created,
    /// There was one; its counts stay.
    Replaced,
}

/// Whether new calls are taken, and if not, why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// Set once the process stops; it never becomes ready again.
    pub stopping: bool,
    /// What is still awaited; empty once ready.
    pub reasons: Vec<String>,
    /// Why nothing can be saved now. Calls go on without.
    pub store: Option<String>,
}

impl Readiness {
    /// True when new calls are taken.
    pub fn ready(&self) -> bool {
        !self.stopping && self.reasons.is_empty()
    }
}

/// What the routes decide about a call that is only imagined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteChoice {
    /// The route's number, from 1; `None` when no `[[route]]` is configured and the default applied.
    pub route: Option<usize>,
    /// What it does with the call.
    pub action: RouteOutcome,
}

/// Where a call goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteOutcome {
    /// To a group's peers.
    Group {
        /// The group's name.
        group: String,
        /// Resource names and units that one such call takes.
        demand: Vec<(String, u32)>,
        /// Whether such calls may exceed capacity.
        overflow: bool,
        /// What the group's `hash_on` yields for this call; empty when it does not hash.
        hash_key: Vec<u8>,
    },
    /// Out, to a URI.
    Uri(String),
    /// Refused by a route, or by trust, with this status.
    Reject(u16),
    /// No route matches: 404 on the wire.
    None,
}

/// The operator's side of the process. Implemented by `app`.
pub trait Control: Send + Sync + 'static {
    /// The admin token in force; a reload may change it. `None` is legal on loopback only.
    fn admin_token(&self) -> Option<Arc<str>>;

    /// Reads the configuration again and puts it in force, or changes nothing
    /// ([`Refused::Impossible`], with the checker's words).
    fn reload(&self) -> Reply<'_, Result<ReloadAnswer, Refused>>;

    /// Adds or replaces a peer. `spec` is a `[[peer]]` table as JSON; its `name`, if there, has been
    /// checked against `name` already.
    fn put_peer<'a>(
        &'a self,
        name: &'a str,
        spec: serde_json::Value,
    ) -> Reply<'a, Result<Put, Refused>>;

    /// Removes a peer. Its calls go on, counted, until they end.
    fn remove_peer<'a>(&'a self, name: &'a str) -> Reply<'a, Result<(), Refused>>;

    /// Applies an operator's change to the ledger and keeps it over a restart. The peer exists, and the
    /// patch has been checked and changes at least one thing.
    fn patch_peer<'a>(
        &'a self,
        name: &'a str,
        patch: &'a PeerPatch,
    ) -> Reply<'a, Result<(), Refused>>;

    /// Which way the routes send a call. Counts nothing.
    fn route<'a>(&'a self, call: &'a ExplainRequest) -> Reply<'a, Result<RouteChoice, Refused>>;

    /// Whether new calls are taken.
    fn readiness(&self) -> Readiness;

    /// The whole exposition for Prometheus, gathered now.
    fn metrics(&self) -> Reply<'_, String>;
}

/// Which calls to list. All conditions hold together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallQuery {
    /// Only calls on this peer, by name.
    pub peer: Option<String>,
    /// Only calls that came through this group, by name.
    pub group: Option<String>,
    /// Only calls in this state.
    pub state: Option<CallState>,
    /// Only calls whose id sorts after this one (bytewise).
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// Live calls by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallTotals {
    /// INVITE forwarded, no 2xx yet.
    pub ringing: u64,
    /// Answered.
    pub up: u64,
    /// BYE sent, no final response yet.
    pub ending: u64,
}

/// What a peer says about the calls that it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerNews<'a> {
    /// It has restarted: the calls that it had are over.
    pub restarted: bool,
    /// When it last reported before that; none: not known.
    pub known_until: Option<std::time::Instant>,
    /// The Call-IDs of all its calls.
    pub calls: Option<&'a [String]>,
}

/// The shards, which own the calls.
pub trait Calls: Send + Sync + 'static {
    /// The calls that match, in ascending order of id, at most `query.limit`.
    fn list<'a>(&'a self, query: &'a CallQuery) -> Reply<'a, Result<Vec<CallEntry>, Refused>>;

    /// One call, by the id that [`Calls::list`] gave.
    fn get<'a>(&'a self, id: &'a str) -> Reply<'a, Result<Option<CallEntry>, Refused>>;

    /// Ends a call: BYE to both sides, or CANCEL. False when there is none of that id.
    fn end<'a>(&'a self, id: &'a str) -> Reply<'a, Result<bool, Refused>>;

    /// What a peer's own report says about its calls. Called once for each report that was taken and says
    /// anything about them.
    fn reported<'a>(&'a self, peer: PeerId, news: PeerNews<'a>) -> Reply<'a, Result<(), Refused>>;

    /// Live calls by state, over all shards.
    fn totals(&self) -> Reply<'_, Result<CallTotals, Refused>>;
}
