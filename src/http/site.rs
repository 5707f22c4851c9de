//! Where each request goes: to the router, or straight to where reports are taken.
//!
//! Reports come by the thousand a second, all else now and then. The router and its layers box and clone several
//! services for each request, which costs more than a report itself; a report takes the same guards without them.

use std::sync::Arc;
use std::time::Duration;

use ::metrics::Counter;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

use super::guard::{self, Client};
use super::problem::{Problem, TOO_LATE};
use super::{Api, feedback};

const PEERS: &str = "/v1/peers/";
const FEEDBACK: &str = "/feedback";

/// The route of reports, as metrics name it.
pub(super) const ROUTE: &str = "/v1/peers/{peer}/feedback";

/// Everything that is served.
#[derive(Clone)]
pub struct Site {
    pub(super) api: Arc<Api>,
    pub(super) router: TowerToHyperService<Router>,
    /// Reports that were answered 200.
    pub(super) taken: Counter,
    pub(super) patience: Duration,
}

impl Site {
    /// Answers one request.
    pub async fn answer(&self, client: Client, request: Request<Incoming>) -> Response {
        if request.method() == Method::POST && reporter(request.uri().path()).is_some() {
            return self.reported(client, request).await;
        }
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(client);
        let Ok(response) = self.router.call(request).await;
        response
    }

    async fn reported(&self, client: Client, request: Request<Incoming>) -> Response {
        let response = match self.report(client, request).await {
            Ok(response) => response,
            Err(problem) => problem.into_response(),
        };
        match response.status() {
            StatusCode::OK => self.taken.increment(1),
            status => guard::counter("POST".to_owned(), ROUTE.to_owned(), status).increment(1),
        }
        response
    }

    async fn report(
        &self,
        client: Client,
        request: Request<Incoming>,
    ) -> Result<Response, Problem> {
        let api = &self.api;
        let _place = guard::place(api, Some(client))?;
        let (head, body) = request.into_parts();
        if guard::declares_too_much(&head.headers) {
            return Err(guard::refuse_large(&head.headers, body, api.body_timeout).await);
        }
        let name = reporter(head.uri.path()).unwrap_or_default();
        let taking = async { feedback::receive(api, name, &head.headers, body).await };
        let late = |_| Problem::of(StatusCode::SERVICE_UNAVAILABLE, TOO_LATE);
        let answer = tokio::time::timeout(self.patience, taking).await;
        let answer = serde_json::to_vec(&answer.map_err(late)??)
            .map_err(|error| Problem::of(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
        let mut response = Response::new(Body::from(answer));
        let kind = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        Ok(response)
    }
}

/// The peer that a path is for reports of; none when it is another path, or a name that the router has to decode.
fn reporter(path: &str) -> Option<&str> {
    let name = path.strip_prefix(PEERS)?.strip_suffix(FEEDBACK)?;
    let plain = !name.is_empty() && !name.contains(['/', '%']);
    plain.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_plain_path_of_reports_goes_past_the_router() {
        assert_eq!(reporter("/v1/peers/pbx-a/feedback"), Some("pbx-a"));
        for path in [
            "/v1/peers//feedback",
            "/v1/peers/feedback",
            "/v1/peers/a/b/feedback",
            "/v1/peers/a%2Fb/feedback",
            "/v1/peers/a/feedback/",
            "/v1/peers/a",
        ] {
            assert_eq!(reporter(path), None, "{path}");
        }
    }
}
