//! One try: a POST, and what its answer means.

use std::error::Error;
use std::time::{Duration, SystemTime};

use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::{Instant, timeout_at};

use super::notice::Notice;
use super::signature::signature;
use crate::app::VERSION;
use crate::base::limits::NOTIFY_ANSWER_BYTES_MAX;
use crate::base::unix::since_1970;
use crate::config::Notify;

/// What became of a try.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// The receiver has it.
    Taken,
    /// It does not want it, and never will.
    Refused(StatusCode),
    /// It may want it later, perhaps not before some time.
    Later {
        why: String,
        retry_after: Option<Duration>,
    },
}

/// Who posts.
pub struct Poster {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Poster {
    /// Trusts whom the system trusts, or where that names nobody, the authorities that browsers trust.
    pub async fn new(notify: &Notify) -> Self {
        let tls = notify.url.expose().scheme_str() == Some("https");
        let native = tokio::task::spawn_blocking(move || {
            tls.then(|| HttpsConnectorBuilder::new().with_native_roots())
        });
        let builder = match native.await {
            Ok(Some(Ok(builder))) => builder,
            Ok(Some(Err(error))) => {
                tracing::warn!(%error, "the system's certificates cannot be read: those of browsers are trusted for notices");
                HttpsConnectorBuilder::new().with_webpki_roots()
            }
            Ok(None) | Err(_) => HttpsConnectorBuilder::new().with_webpki_roots(),
        };
        // Notices are rare: a connection that was kept would be one that the other side has closed.
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build(builder.https_or_http().enable_http1().build());
        Poster { client }
    }

    pub async fn post(&self, notify: &Notify, notice: &Notice) -> Answer {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(notify.url.expose())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, format!("tandem/{VERSION}"))
            .header("Tandem-Event-Id", &notice.id);
        if let Some(secret) = &notify.secret {
            let signed = signature(secret.expose(), unix_seconds(), &notice.body);
            request = request.header("Tandem-Signature", signed);
        }
        let request = match request.body(Full::new(notice.body.clone())) {
            Ok(request) => request,
            Err(error) => return later(&chain(&error), None),
        };
        let deadline = Instant::now() + notify.timeout;
        match timeout_at(deadline, self.client.request(request)).await {
            Err(_) => later("no answer in time", None),
            Ok(Err(error)) => later(&chain(&error), None),
            Ok(Ok(answer)) => {
                let (head, body) = answer.into_parts();
                // Read, so that the receiver sees an orderly end; what it says changes nothing.
                let read = Limited::new(body, NOTIFY_ANSWER_BYTES_MAX).collect();
                let _ = timeout_at(deadline, read).await;
                judge(head.status, &head.headers, SystemTime::now())
            }
        }
    }
}

fn judge(status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Answer {
    match status.as_u16() {
        200..=299 => Answer::Taken,
        // Request Timeout, Too Early (RFC 8470), Too Many Requests (RFC 6585): of the moment.
        408 | 425 | 429 => later(&format!("status {status}"), retry_after(headers, now)),
        400..=499 => Answer::Refused(status),
        _ => later(&format!("status {status}"), retry_after(headers, now)),
    }
}

fn later(why: &str, retry_after: Option<Duration>) -> Answer {
    Answer::Later {
        why: why.to_owned(),
        retry_after,
    }
}

/// Seconds or a date (RFC 9110 §10.2.3).
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = value.parse().ok().map(Duration::from_secs);
    seconds.or_else(|| {
        let date = httpdate::parse_http_date(value).ok()?;
        Some(date.duration_since(now).unwrap_or_default())
    })
}

/// An error with all that it came from; none of it names the URL.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}

fn unix_seconds() -> u64 {
    since_1970(SystemTime::now()).as_secs()
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn judged(status: u16, after: Option<&str>) -> Answer {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_777);
        let mut headers = HeaderMap::new();
        if let Some(after) = after {
            let value = after.parse().expect("a header's value");
            headers.insert(header::RETRY_AFTER, value);
        }
        let status = StatusCode::from_u16(status).expect("a status");
        judge(status, &headers, now)
    }

    #[test]
    fn only_2xx_is_taken_and_only_4xx_is_final_but_for_those_of_the_moment() {
        for status in 100..600 {
            let again = matches!(judged(status, None), Answer::Later { .. });
            let moment = [408, 425, 429].contains(&status);
            let (good, client) = (status / 100 == 2, status / 100 == 4);
            assert_eq!(again, !good && (!client || moment), "{status}");
            assert_eq!(judged(status, None) == Answer::Taken, good, "{status}");
        }
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let after = |value| match judged(503, value) {
            Answer::Later { retry_after, .. } => retry_after,
            other => panic!("{other:?}"),
        };
        assert_eq!(after(Some("120")), Some(Duration::from_secs(120)));
        let date = "Sun, 06 Nov 1994 08:50:07 GMT";
        assert_eq!(after(Some(date)), Some(Duration::from_secs(30)));
        let past = "Sun, 06 Nov 1994 08:00:00 GMT";
        assert_eq!(after(Some(past)), Some(Duration::ZERO));
        for nothing in [None, Some("soon"), Some("-1"), Some("")] {
            assert_eq!(after(nothing), None);
        }
    }
}
