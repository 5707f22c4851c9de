//! The description of the API, and the answers that many endpoints share.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{IntoResponses, Modify, OpenApi};

use super::model::{CallEvent, FailoverEvent, FeedbackEvent, PeerEvent};
use super::problem::ProblemBody;
use super::{calls, decisions, events, explain, feedback, groups, history, operation, page, peers};

/// The OpenAPI document of the whole API.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tandem",
        description = "One SIP address in front of many PBXes. Reading needs no token; writing needs the \
                       admin token, and a peer's feedback that peer's own token. On loopback, a token that is not configured \
                       is not asked for."
    ),
    paths(
        peers::list, peers::show, peers::put, peers::patch, peers::remove,
        feedback::report,
        calls::list, calls::show, calls::end,
        groups::list, groups::status, history::show, events::follow,
        explain::explain, decisions::list,
        operation::reload, operation::healthz, operation::readyz, operation::metrics,
        page::html, page::css, page::script,
        serve_document,
    ),
    components(schemas(PeerEvent, CallEvent, FailoverEvent, FeedbackEvent)),
    modifiers(&Tokens)
)]
struct Document;

struct Tokens;

impl Modify for Tokens {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let bearer = |words: &str| {
            let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
            SecurityScheme::Http(scheme.description(Some(words)).build())
        };
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("admin", bearer("`http.admin_token`"));
        components.add_security_scheme("peer", bearer("the peer's `feedback.token`"));
    }
}

/// The OpenAPI document, built once.
pub fn document() -> &'static utoipa::openapi::OpenApi {
    static DOCUMENT: LazyLock<utoipa::openapi::OpenApi> = LazyLock::new(Document::openapi);
    &DOCUMENT
}

/// This description.
#[utoipa::path(get, path = "/openapi.json", tag = "operation",
    responses((status = 200, description = "This document", content_type = "application/json"), Guarded))]
pub async fn serve_document() -> Response {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        document()
            .to_json()
            .expect("a document of plain maps and strings has no value that JSON lacks")
    });
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, TEXT.as_str()).into_response()
}

/// What any endpoint but the health checks may answer.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "describes answers, is never built")]
pub enum Guarded {
    /// The body is longer than 1 MiB.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(ProblemBody),
    /// This address sends too many requests; see Retry-After.
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(ProblemBody),
    /// Too many requests are under way, or the answer was not ready in time; see Retry-After.
    #[response(status = 503, content_type = "application/problem+json")]
    Busy(ProblemBody),
}

/// What an endpoint that needs a token may answer.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "describes answers, is never built")]
pub enum Writing {
    /// A token is needed; see WWW-Authenticate.
    #[response(status = 401, content_type = "application/problem+json")]
    TokenMissing(ProblemBody),
    /// The token is wrong, or none is configured and the server listens beyond loopback.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(ProblemBody),
}

/// What an endpoint that reads a body may answer.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "describes answers, is never built")]
pub enum WithBody {
    /// The body cannot be read: not JSON, an unknown field, a wrong type.
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(ProblemBody),
    /// The body did not come whole in time.
    #[response(status = 408, content_type = "application/problem+json")]
    Slow(ProblemBody),
    /// The body is not declared as JSON.
    #[response(status = 415, content_type = "application/problem+json")]
    NotJson(ProblemBody),
}

/// No such peer.
#[derive(IntoResponses)]
#[response(status = 404, content_type = "application/problem+json")]
#[allow(dead_code, reason = "describes answers, is never built")]
pub struct NoSuchPeer(ProblemBody);

/// No such live call.
#[derive(IntoResponses)]
#[response(status = 404, content_type = "application/problem+json")]
#[allow(dead_code, reason = "describes answers, is never built")]
pub struct NoSuchCall(ProblemBody);

/// The values cannot be so; nothing was changed.
#[derive(IntoResponses)]
#[response(status = 422, content_type = "application/problem+json")]
#[allow(dead_code, reason = "describes answers, is never built")]
pub struct Impossible(ProblemBody);

/// Our own fault.
#[derive(IntoResponses)]
#[response(status = 500, content_type = "application/problem+json")]
#[allow(dead_code, reason = "describes answers, is never built")]
pub struct Broken(ProblemBody);
