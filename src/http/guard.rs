//! What every request passes first: size, rate and concurrency limits, and the count of requests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Api;
use super::body::drain;
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
    let status = response.status().as_u16().to_string();
    let labels = [("method", method), ("route", route), ("status", status)];
    ::metrics::counter!("tandem_http_requests_total", &labels).increment(1);
    response
}

/// Lets a request in, or refuses it before any handler has seen it.
pub async fn admit(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    // Health checks tell whether to send us traffic at all; they are never turned away.
    if matches!(request.uri().path(), "/healthz" | "/readyz") {
        return next.run(request).await;
    }
    let client = request.extensions().get::<Client>().copied();
    let admitted = client.map(|Client(from)| api.clients.admit(from.ip(), Instant::now()));
    if let Some(Err(wait)) = admitted {
        return Problem::of(
            StatusCode::TOO_MANY_REQUESTS,
            "this address sends too many requests",
        )
        .retry_after(wait.as_secs().saturating_add(1))
        .into_response();
    }
    let Ok(_permit) = api.requests.try_acquire() else {
        return Problem::of(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many requests are under way",
        )
        .retry_after(1)
        .into_response();
    };
    if declared_length(request.headers()) > HTTP_BODY_MAX as u64 {
        return refuse_large(request, api.body_timeout).await;
    }
    next.run(request).await
}

/// What `Content-Length` declares. The HTTP library has refused unreadable values already.
fn declared_length(headers: &HeaderMap) -> u64 {
    headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .unwrap_or(0)
}

async fn refuse_large(request: Request, patience: Duration) -> Response {
    // A client that asks first (RFC 9110 §10.1.1) has not sent anything yet, and need not.
    if !request.headers().contains_key(header::EXPECT) {
        let _ = tokio::time::timeout(patience, drain(request.into_body())).await;
    }
    Problem::too_large(HTTP_BODY_MAX).into_response()
}
