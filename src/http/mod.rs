//! The HTTP API: feedback, operation, and what there is to see.
//!
//! Reading needs no token; `http.listen` decides who can. Writing needs the admin token, and a peer's own
//! feedback that peer's token. On loopback, a token that is not configured is not asked for.

mod access;
mod body;
mod calls;
mod clients;
mod control;
mod decisions;
mod events;
mod explain;
mod feedback;
mod groups;
mod guard;
mod history;
pub mod model;
mod openapi;
mod operation;
mod page;
mod peers;
mod problem;
mod serve;
mod site;
pub mod views;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::routing::{get, patch, post};
use hyper_util::service::TowerToHyperService;
use tokio::sync::Semaphore;
use tower_http::timeout::TimeoutLayer;

use crate::balance::Ledger;
use crate::base::limits::{
    HTTP_BODY_TIMEOUT, HTTP_CLIENT_BURST, HTTP_CLIENT_RATE, HTTP_CLIENTS_MAX, HTTP_REQUEST_TIMEOUT,
    HTTP_REQUESTS_MAX,
};

pub use clients::Rate;
pub use control::{
    CallQuery, CallTotals, Calls, Control, PeerNews, Put, Readiness, Refused, Reply, RouteChoice,
    RouteOutcome,
};
pub use decisions::Decisions;
pub use events::{Event, Events};
pub use history::LoadHistory;
pub use openapi::document;
pub use problem::{PROBLEM_JSON, ProblemBody};
pub use serve::serve;
pub use site::Site;

/// What the API stands on.
pub struct Parts {
    /// The peers' accounts.
    pub ledger: Arc<Ledger>,
    /// The operator's side of the process.
    pub control: Arc<dyn Control>,
    /// The shards.
    pub calls: Arc<dyn Calls>,
    /// What happens.
    pub events: Arc<Events>,
    /// This node's name.
    pub node: Arc<str>,
    /// Whether the server listens on loopback alone: then tokens that are not configured are not asked for.
    pub loopback: bool,
}

/// The API's own limits, which tests narrow.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How often one client may ask.
    pub rate: Rate,
    /// Requests under way at once.
    pub requests_max: usize,
    /// How long a body may take to come.
    pub body_timeout: Duration,
    /// How long an answer may take to make.
    pub request_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rate: Rate {
                per_second: HTTP_CLIENT_RATE,
                burst: HTTP_CLIENT_BURST,
                clients_max: HTTP_CLIENTS_MAX,
            },
            requests_max: HTTP_REQUESTS_MAX,
            body_timeout: HTTP_BODY_TIMEOUT,
            request_timeout: HTTP_REQUEST_TIMEOUT,
        }
    }
}

/// The state that every handler sees.
struct Api {
    parts: Parts,
    clients: clients::Clients,
    requests: Semaphore,
    tokens: access::Tokens,
    body_timeout: Duration,
    started: Instant,
}

impl Api {
    /// Lets a request through that may change things.
    fn admin(&self, headers: &axum::http::HeaderMap) -> Result<(), problem::Problem> {
        let expected = self.parts.control.admin_token();
        let loopback = self.parts.loopback;
        self.tokens
            .check(expected.as_deref(), loopback, headers, "the admin token")
    }
}

/// All that is served, with everything that guards it. Give it to [`serve`].
pub fn site(parts: Parts, limits: Limits) -> Site {
    let api = Arc::new(Api {
        parts,
        clients: clients::Clients::new(limits.rate),
        requests: Semaphore::new(limits.requests_max),
        tokens: access::Tokens::default(),
        body_timeout: limits.body_timeout,
        started: Instant::now(),
    });
    let (post, route) = ("POST".to_owned(), site::ROUTE.to_owned());
    Site {
        router: TowerToHyperService::new(router(Arc::clone(&api), limits.request_timeout)),
        taken: guard::counter(post, route, StatusCode::OK),
        patience: limits.request_timeout,
        api,
    }
}

fn router(api: Arc<Api>, patience: Duration) -> Router {
    Router::new()
        .route("/", get(page::html))
        .route("/page.css", get(page::css))
        .route("/page.js", get(page::script))
        .route("/healthz", get(operation::healthz))
        .route("/readyz", get(operation::readyz))
        .route("/metrics", get(operation::metrics))
        .route("/openapi.json", get(openapi::serve_document))
        .route("/v1/status", get(groups::status))
        .route("/v1/events", get(events::follow))
        .route("/v1/groups", get(groups::list))
        .route("/v1/peers", get(peers::list))
        .route(
            "/v1/peers/{peer}",
            get(peers::show)
                .put(peers::put)
                .delete(peers::remove)
                .merge(patch(peers::patch)),
        )
        .route(site::ROUTE, post(feedback::report))
        .route("/v1/calls", get(calls::list))
        .route("/v1/calls/{id}", get(calls::show).delete(calls::end))
        .route("/v1/decisions", get(decisions::list))
        .route("/v1/history", get(history::show))
        .route("/v1/explain", post(explain::explain))
        .route("/v1/reload", post(operation::reload))
        .fallback(operation::no_such_path)
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            patience,
        ))
        .layer(map_response(problem::shape))
        .layer(from_fn_with_state(Arc::clone(&api), guard::admit))
        .layer(from_fn(guard::count))
        .with_state(api)
}
