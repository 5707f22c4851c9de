//! The status page: three files that are part of the program, and nothing from elsewhere.

use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};

use super::openapi::Guarded;

/// The page may load its own script and style and ask its own server, and nothing else at all.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The status page.
#[utoipa::path(get, path = "/", tag = "operation",
    responses((status = 200, description = "The status page", body = String, content_type = "text/html"), Guarded))]
pub async fn html() -> Response {
    file("text/html; charset=utf-8", include_str!("page/page.html"))
}

/// The status page's style.
#[utoipa::path(get, path = "/page.css", tag = "operation",
    responses((status = 200, description = "The status page's style", body = String, content_type = "text/css"), Guarded))]
pub async fn css() -> Response {
    file("text/css; charset=utf-8", include_str!("page/page.css"))
}

/// The status page's script.
#[utoipa::path(get, path = "/page.js", tag = "operation",
    responses((status = 200, description = "The status page's script", body = String, content_type = "text/javascript"), Guarded))]
pub async fn script() -> Response {
    file(
        "text/javascript; charset=utf-8",
        include_str!("page/page.js"),
    )
}

fn file(kind: &'static str, text: &'static str) -> Response {
    let headers: [(HeaderName, &str); 5] = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // After an upgrade the three files must fit each other.
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}
