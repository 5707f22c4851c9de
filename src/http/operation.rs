//! Running the process: health, readiness, metrics, reload.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::body::Unasked;
use super::model::{HealthAnswer, ReadyAnswer, ReloadAnswer};
use super::openapi::{Broken, Guarded, Impossible, Writing};
use super::problem::{PROBLEM_JSON, Problem, ProblemBody};

/// Alive: the process answers.
#[utoipa::path(get, path = "/healthz", tag = "operation",
    responses((status = 200, description = "Alive", body = HealthAnswer)))]
pub async fn healthz() -> Json<HealthAnswer> {
    let status = "ok".to_owned();
    Json(HealthAnswer { status })
}

/// Not ready, and why.
#[derive(Serialize, ToSchema)]
pub struct NotReady {
    #[serde(flatten)]
    problem: ProblemBody,
    #[serde(flatten)]
    answer: ReadyAnswer,
}

/// Ready: new calls are taken.
#[utoipa::path(get, path = "/readyz", tag = "operation",
    responses(
        (status = 200, description = "Ready", body = ReadyAnswer),
        (status = 503, description = "Not ready yet, or stopping", body = NotReady,
            content_type = "application/problem+json"),
    ))]
pub async fn readyz(State(api): State<Arc<Api>>) -> Response {
    let readiness = api.parts.control.readiness();
    let answer = ReadyAnswer {
        ready: readiness.ready(),
        stopping: readiness.stopping,
        reasons: readiness.reasons,
        store: readiness.store,
    };
    if answer.ready {
        return Json(answer).into_response();
    }
    let title = if answer.stopping {
        "Stopping"
    } else {
        "Not ready yet"
    };
    let problem = ProblemBody {
        kind: "urn:tandem:problem:not-ready".to_owned(),
        title: "Not ready".to_owned(),
        status: StatusCode::SERVICE_UNAVAILABLE.as_u16(),
        detail: match answer.reasons.is_empty() {
            true => title.to_owned(),
            false => format!("{title}: {}", answer.reasons.join("; ")),
        },
    };
    let mut response = (
        StatusCode::SERVICE_UNAVAILABLE,
        Json(NotReady { problem, answer }),
    )
        .into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// Metrics for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operation",
    responses((status = 200, description = "The text format, version 0.0.4", body = String,
        content_type = "text/plain; version=0.0.4"), Guarded))]
pub async fn metrics(State(api): State<Arc<Api>>) -> Response {
    let text = api.parts.control.metrics().await;
    let kind = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    (kind, text).into_response()
}

/// Reads the configuration again.
///
/// All of it comes into force at once, or none of it. Counts, health and the operator's words stay.
#[utoipa::path(post, path = "/v1/reload", tag = "operation", security(("admin" = [])),
    responses((status = 200, description = "In force", body = ReloadAnswer),
        Writing, Impossible, Broken, Guarded))]
pub async fn reload(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    _: Unasked,
) -> Result<Json<ReloadAnswer>, Problem> {
    api.admin(&headers)?;
    Ok(Json(api.parts.control.reload().await?))
}

/// Any path that is not ours.
pub async fn no_such_path(uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    Problem::of(
        StatusCode::NOT_FOUND,
        format!("there is nothing at {path:?}; see GET /openapi.json"),
    )
}
