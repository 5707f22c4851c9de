//! Reading a JSON body, with an answer to everything that can be wrong with it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::HttpBody;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::Api;
use super::problem::Problem;
use crate::base::limits::{HTTP_BODY_MAX, HTTP_DRAIN_MAX};

/// A body as it comes from a client: the HTTP library's own, or the router's.
pub trait Chunks: HttpBody<Data = Bytes> + Unpin + Send {}

impl<B: HttpBody<Data = Bytes> + Unpin + Send> Chunks for B {}

/// A body of JSON. Refused with 400, 408, 413 or 415.
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<Api>> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self, Problem> {
        let (head, body) = request.into_parts();
        json(&head.headers, body, api.body_timeout).await.map(Self)
    }
}

/// Reads a body of JSON.
pub async fn json<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: impl Chunks,
    patience: Duration,
) -> Result<T, Problem> {
    require_json(headers)?;
    let bytes = tokio::time::timeout(patience, read(body))
        .await
        .map_err(|_| {
            Problem::of(
                StatusCode::REQUEST_TIMEOUT,
                "the body did not come whole in time",
            )
            .closing()
        })??;
    // serde would take a list for a structure, field by field.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(Problem::malformed("the body: must be a JSON object"));
    }
    serde_json::from_slice(&bytes).map_err(|error| Problem::malformed(format!("the body: {error}")))
}

/// Reads what a client sent although nothing was asked for. What is left unread would end the connection, and
/// with it the next request of a client that keeps its connections.
pub struct Unasked;

impl FromRequest<Arc<Api>> for Unasked {
    type Rejection = Infallible;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self, Infallible> {
        let _ = tokio::time::timeout(api.body_timeout, drain(request.into_body())).await;
        Ok(Self)
    }
}

/// A body without a type is taken for JSON; one with another type is not.
fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else {
        return Ok(());
    };
    let kind = kind.to_str().unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    if essence == "application/json" || essence.ends_with("+json") {
        return Ok(());
    }
    Err(Problem::of(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "send the body as \"Content-Type: application/json\"",
    ))
}

/// The whole body. One that came in one piece, as nearly all do, is not copied.
async fn read(mut body: impl Chunks) -> Result<Bytes, Problem> {
    let Some(first) = next_data(&mut body).await? else {
        return Ok(Bytes::new());
    };
    if body.is_end_stream() && first.len() <= HTTP_BODY_MAX {
        return Ok(first);
    }
    let mut bytes = Vec::new();
    let mut next = Some(first);
    while let Some(data) = next {
        if bytes.len() + data.len() > HTTP_BODY_MAX {
            drain(body).await;
            return Err(Problem::too_large(HTTP_BODY_MAX));
        }
        bytes.extend_from_slice(&data);
        next = next_data(&mut body).await?;
    }
    Ok(bytes.into())
}

/// Reads on without keeping anything, so that a client which sends first and listens later hears the
/// answer instead of a reset connection. Not for ever: what is much too long is cut off.
pub async fn drain(mut body: impl Chunks) {
    let mut seen = 0;
    while let Ok(Some(data)) = next_data(&mut body).await {
        seen += data.len();
        if seen > HTTP_DRAIN_MAX {
            return;
        }
    }
}

async fn next_data(body: &mut impl Chunks) -> Result<Option<Bytes>, Problem> {
    loop {
        let frame = std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await;
        match frame {
            None => return Ok(None),
            Some(Err(_)) => return Err(Problem::malformed("the body broke off").closing()),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}
