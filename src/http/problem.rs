//! Errors as `application/problem+json` (RFC 9457).

use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::control::Refused;

/// The media type of every error.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request that took too long is 503.
pub const TOO_LATE: &str = "the answer was not ready in time";

/// What every error of this API looks like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemBody {
    /// The kind of error: `urn:tandem:problem:…`, or `about:blank` where the status says it all.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words; the same for every occurrence.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What was wrong this time, and what would be right.
    pub detail: String,
}

/// An error on its way to the client.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    kind: &'static str,
    detail: String,
    /// Headers beside the content type. Boxed, since most errors have none.
    headers: Option<Box<HeaderMap>>,
}

impl Problem {
    /// An error that its status alone describes.
    pub fn of(status: StatusCode, detail: impl Into<String>) -> Self {
        Self::kind(status, "about:blank", detail)
    }

    fn kind(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            detail: detail.into(),
            headers: None,
        }
    }

    /// 400.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::kind(
            StatusCode::BAD_REQUEST,
            "urn:tandem:problem:malformed",
            detail,
        )
    }

    /// 401, with the challenge that RFC 9110 §11.6.1 asks for.
    pub fn token_missing(detail: impl Into<String>) -> Self {
        let challenge = HeaderValue::from_static("Bearer realm=\"tandem\"");
        Self::kind(
            StatusCode::UNAUTHORIZED,
            "urn:tandem:problem:token-missing",
            detail,
        )
        .with(header::WWW_AUTHENTICATE, challenge)
    }

    /// 403.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::kind(
            StatusCode::FORBIDDEN,
            "urn:tandem:problem:forbidden",
            detail,
        )
    }

    /// 404 for a peer.
    pub fn no_such_peer(name: &str) -> Self {
        Self::kind(
            StatusCode::NOT_FOUND,
            "urn:tandem:problem:no-such-peer",
            format!("there is no peer named {name:?}"),
        )
    }

    /// 404 for a call.
    pub fn no_such_call(id: &str) -> Self {
        Self::kind(
            StatusCode::NOT_FOUND,
            "urn:tandem:problem:no-such-call",
            format!("there is no live call {id:?}; it may have ended"),
        )
    }

    /// 409 for feedback that a newer report has overtaken.
    pub fn old_seq(detail: impl Into<String>) -> Self {
        Self::kind(StatusCode::CONFLICT, "urn:tandem:problem:old-seq", detail)
    }

    /// 413.
    pub fn too_large(max: usize) -> Self {
        Self::of(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("a body may have at most {max} bytes"),
        )
        .closing()
    }

    /// 422.
    pub fn impossible(detail: impl Into<String>) -> Self {
        Self::kind(
            StatusCode::UNPROCESSABLE_ENTITY,
            "urn:tandem:problem:impossible",
            detail,
        )
    }

    /// Says when to come back.
    pub fn retry_after(self, seconds: u64) -> Self {
        self.with(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Ends the connection after this answer: what the client still sends is not read.
    pub fn closing(self) -> Self {
        self.with(header::CONNECTION, HeaderValue::from_static("close"))
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.get_or_insert_default().insert(name, value);
        self
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Malformed(detail) => Self::malformed(detail),
            Refused::NotFound(detail) => Self::of(StatusCode::NOT_FOUND, detail),
            Refused::Conflict(detail) => Self::of(StatusCode::CONFLICT, detail),
            Refused::Impossible(detail) => Self::impossible(detail),
            Refused::Unavailable(detail) => {
                Self::of(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(1)
            }
            Refused::Broken(detail) => Self::of(StatusCode::INTERNAL_SERVER_ERROR, detail),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = ProblemBody {
            kind: self.kind.to_owned(),
            title: title(self.kind, self.status).to_owned(),
            status: self.status.as_u16(),
            detail: self.detail,
        };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.extend(self.headers.map(|more| *more).unwrap_or_default());
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        response
    }
}

/// One title a kind: it does not change from one occurrence to the next (RFC 9457 §3.1.3).
fn title(kind: &str, status: StatusCode) -> &'static str {
    match kind {
        "urn:tandem:problem:malformed" => "The request cannot be read",
        "urn:tandem:problem:token-missing" => "A token is needed",
        "urn:tandem:problem:forbidden" => "Not allowed",
        "urn:tandem:problem:no-such-peer" => "No such peer",
        "urn:tandem:problem:no-such-call" => "No such call",
        "urn:tandem:problem:old-seq" => "The report is old",
        "urn:tandem:problem:impossible" => "The values cannot be so",
        _ => status.canonical_reason().unwrap_or("Error"),
    }
}

/// Gives the form of a problem to errors that a library answered (405, timeouts, bad paths), keeping
/// headers such as `Allow`.
pub async fn shape(response: Response) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let content_type = response.headers().get(header::CONTENT_TYPE);
    // JSON answers of our own, such as /readyz with its reasons, are as they should be.
    if !is_error || content_type.is_some_and(|kind| kind.as_bytes().ends_with(b"json")) {
        return response;
    }
    let mut problem = Problem::of(status, detail_of(status));
    for name in [header::ALLOW, header::RETRY_AFTER] {
        if let Some(value) = response.headers().get(&name) {
            problem = problem.with(name, value.clone());
        }
    }
    problem.into_response()
}

fn detail_of(status: StatusCode) -> &'static str {
    match status {
        StatusCode::METHOD_NOT_ALLOWED => "this path has no such method; see Allow",
        StatusCode::REQUEST_TIMEOUT => "the request did not come whole in time",
        StatusCode::SERVICE_UNAVAILABLE => TOO_LATE,
        StatusCode::BAD_REQUEST => "the path or the query cannot be read",
        _ => "see GET /openapi.json",
    }
}
