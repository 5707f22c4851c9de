//! What every request passes first: size, rate and concurrency limits, and the count of requests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::metrics::Counter;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::SemaphorePermit;

use super::Api;
use super::body::{Chunks, drain};
use super::problem::Problem;
use crate::base::limits::HTTP_BODY_MAX;

/// The address that a request came from; set for each connection by [`super::serve`].
#[derive(Clone, Copy, Debug)]
pub struct Client(pub SocketAddr);

/// Outermost: counts every answer, whatever gave it.
pub async fn count(request: Request, next: Next) -> Response {
    // Only the methods that this API has become label values: a client must not be able to make new series.
    let method = match request.method().as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE") => known.to_owned(),
        _ => "other".to_owned(),
    };
    let route = match request.extensions().get::<MatchedPath>() {
        Some(path) => path.as_str().to_owned(),
        None => "other".to_owned(),
    };
    let response = next.run(request).await;
    counter(method, route, response.status()).increment(1);
    response
}

/// The counter of these answers.
pub fn counter(method: String, route: String, status: StatusCode) -> Counter {
    let status = status.as_u16().to_string();
    let labels = [("method", method), ("route", route), ("status", status)];
    ::metrics::counter!("tandem_http_requests_total", &labels)
}

/// Lets a request in, or refuses it before any handler has seen it.
pub async fn admit(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    // Health checks tell whether to send us traffic at all; they are never turned away.
    if matches!(request.uri().path(), "/healthz" | "/readyz") {
        return next.run(request).await;
    }
    let client = request.extensions().get::<Client>().copied();
    let _place = match place(&api, client) {
        Ok(place) => place,
        Err(problem) => return problem.into_response(),
    };
    if declares_too_much(request.headers()) {
        let (head, body) = request.into_parts();
        return refuse_large(&head.headers, body, api.body_timeout)
            .await
            .into_response();
    }
    next.run(request).await
}

/// A place among the requests under way, for a client that has not asked too often.
pub fn place(api: &Api, client: Option<Client>) -> Result<SemaphorePermit<'_>, Problem> {
    let admitted = client.map(|Client(from)| api.clients.admit(from.ip(), Instant::now()));
    if let Some(Err(wait)) = admitted {
        return Err(Problem::of(
            StatusCode::TOO_MANY_REQUESTS,
            "this address sends too many requests",
        )
        .retry_after(wait.as_secs().saturating_add(1)));
    }
    api.requests.try_acquire().map_err(|_| {
        Problem::of(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many requests are under way",
        )
        .retry_after(1)
    })
}

/// Whether a body is said to come that is too long.
pub fn declares_too_much(headers: &HeaderMap) -> bool {
    declared_length(headers) > HTTP_BODY_MAX as u64
}

/// What `Content-Length` declares. The HTTP library has refused unreadable values already.
fn declared_length(headers: &HeaderMap) -> u64 {
    headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .unwrap_or(0)
}

/// 413, once the client has had time to send the body.
pub async fn refuse_large(headers: &HeaderMap, body: impl Chunks, patience: Duration) -> Problem {
    unread(headers, body, patience).await;
    Problem::too_large(HTTP_BODY_MAX)
}

/// Lets a client that is refused send its body, which nobody looks at, so that it hears why.
pub async fn unread(headers: &HeaderMap, body: impl Chunks, patience: Duration) {
    // A client that asks first (RFC 9110 §10.1.1) has not sent anything yet, and need not.
    if !headers.contains_key(header::EXPECT) {
        let _ = tokio::time::timeout(patience, drain(body)).await;
    }
}
