//! Load reports from the peers.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::HeaderMap;
use serde_json::Number;

use super::body::Chunks;
use super::control::PeerNews;
use super::model::{FeedbackAnswer, FeedbackReport, FeedbackState, ReportedResource};
use super::openapi::{Broken, Guarded, NoSuchPeer, WithBody, Writing};
use super::problem::{Problem, ProblemBody};
use super::{Api, body, guard, views};
use crate::balance::{Acceptance, FeedbackError, FeedbackOutcome, PeerId, Report, ResourceReport};
use crate::base::limits::{FEEDBACK_BOOT_ID_MAX, FEEDBACK_TTL_SECONDS_MAX};

/// Takes a peer's report of its own load.
///
/// All fields are optional, one at least is needed. `seq` must grow within one `boot_id`; a report that a
/// newer one has overtaken is 409 and changes nothing. A new `boot_id` says that the peer has restarted: its calls are over.
#[utoipa::path(post, path = "/v1/peers/{peer}/feedback", tag = "feedback", security(("peer" = [])),
    params(("peer" = String, Path, description = "The peer's name")),
    request_body = FeedbackReport,
    responses(
        (status = 200, description = "Taken", body = FeedbackAnswer),
        (status = 409, description = "Older than a report taken before; nothing was changed", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 422, description = "Values that cannot be; nothing was changed", body = ProblemBody,
            content_type = "application/problem+json"),
        Writing, NoSuchPeer, WithBody, Broken, Guarded,
    ))]
pub async fn report(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Json<FeedbackAnswer>, Problem> {
    let (head, body) = request.into_parts();
    receive(&api, &name, &head.headers, body).await.map(Json)
}

/// Takes a report, or says why not. What is not the peer's is not even read.
pub async fn receive(
    api: &Api,
    name: &str,
    headers: &HeaderMap,
    body: impl Chunks,
) -> Result<FeedbackAnswer, Problem> {
    match reporter(api, name, headers) {
        Ok(peer) => {
            let report = body::json(headers, body, api.body_timeout).await;
            take(api, name, peer, report).await
        }
        Err(problem) => {
            guard::unread(headers, body, api.body_timeout).await;
            Err(problem)
        }
    }
}

/// The peer, where the request shows its token.
fn reporter(api: &Api, name: &str, headers: &HeaderMap) -> Result<PeerId, Problem> {
    let ledger = &api.parts.ledger;
    let directory = ledger.directory();
    let id = directory.peer_named(name);
    let peer = id.and_then(|id| directory.peer(id));
    let peer = peer.ok_or_else(|| Problem::no_such_peer(name))?;
    let token = peer.feedback.as_ref().map(|spec| spec.token.as_ref());
    api.tokens
        .check(token, api.parts.loopback, headers, Whose(name))
        .inspect_err(|_| ledger.report_refused(peer.id, FeedbackOutcome::Denied))?;
    Ok(peer.id)
}

async fn take(
    api: &Api,
    name: &str,
    peer: PeerId,
    report: Result<FeedbackReport, Problem>,
) -> Result<FeedbackAnswer, Problem> {
    let ledger = &api.parts.ledger;
    let refused = |outcome| move |_: &Problem| ledger.report_refused(peer, outcome);
    let report = report.inspect_err(refused(FeedbackOutcome::Malformed))?;
    if report == FeedbackReport::default() {
        ledger.report_refused(peer, FeedbackOutcome::Malformed);
        return Err(Problem::malformed(
            "the body: give at least one of seq, state, cpu_idle, ttl_seconds, boot_id, resources, calls",
        ));
    }
    let checked = check(&report).inspect_err(refused(FeedbackOutcome::Impossible))?;
    let answer = ledger
        .feedback(Instant::now(), peer, &checked)
        .map_err(|error| refusal(error, name))?;
    if answer.restarted || report.calls.is_some() {
        let news = PeerNews {
            restarted: answer.restarted,
            known_until: answer.known_until,
            calls: report.calls.as_deref(),
        };
        api.parts.calls.reported(peer, news).await?;
        if answer.restarted {
            ledger.restart_told(peer);
        }
    }
    Ok(FeedbackAnswer {
        resources: views::rooms(&answer.resources),
        accepted_seq: answer.accepted_seq,
        peer: name.to_owned(),
    })
}

/// Whose token is asked for: worded only where it is not shown.
struct Whose<'a>(&'a str);

impl Display for Whose<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the feedback token of {}", self.0)
    }
}

fn refusal(error: FeedbackError, name: &str) -> Problem {
    let words = error.to_string();
    match error {
        FeedbackError::OldSeq { .. } | FeedbackError::OldBoot => Problem::old_seq(words),
        FeedbackError::Impossible(_) => Problem::impossible(words),
        FeedbackError::NoSuchPeer => Problem::no_such_peer(name),
    }
}

/// What can be seen without knowing the peer; the ledger sees to the rest.
fn check(report: &FeedbackReport) -> Result<Report, Problem> {
    let boot_id = report.boot_id.as_deref();
    if boot_id.is_some_and(|id| id.is_empty() || id.len() > FEEDBACK_BOOT_ID_MAX) {
        return Err(Problem::impossible(format!(
            "boot_id: 1 to {FEEDBACK_BOOT_ID_MAX} bytes"
        )));
    }
    let mut resources = Vec::new();
    for (name, resource) in report.resources.iter().flatten() {
        resources.push((Arc::from(name.as_str()), check_resource(name, resource)?));
    }
    let ttl_max = f64::from(FEEDBACK_TTL_SECONDS_MAX);
    let calls = report.calls.as_ref();
    Ok(Report {
        seq: whole(report.seq.as_ref(), u64::MAX, "seq")?,
        state: report.state.map(acceptance),
        cpu_idle: between(report.cpu_idle.as_ref(), 0.0, 1.0, "cpu_idle")?,
        ttl_seconds: between(report.ttl_seconds.as_ref(), 0.001, ttl_max, "ttl_seconds")?,
        boot_id: boot_id.map(Arc::from),
        resources,
        calls: calls.map(|calls| u32::try_from(calls.len()).unwrap_or(u32::MAX)),
    })
}

fn check_resource(name: &str, resource: &ReportedResource) -> Result<ResourceReport, Problem> {
    let units = |number: &Option<Number>, field: &str| {
        let whose = format_args!("resources.{name}.{field}");
        whole(number.as_ref(), u64::from(u32::MAX), whose)
    };
    Ok(ResourceReport {
        used: units(&resource.used, "used")?,
        max: units(&resource.max, "max")?,
    })
}

fn acceptance(state: FeedbackState) -> Acceptance {
    match state {
        FeedbackState::Accepting => Acceptance::Accepting,
        FeedbackState::Draining => Acceptance::Draining,
        FeedbackState::Paused => Acceptance::Paused,
    }
}

fn whole(number: Option<&Number>, max: u64, field: impl Display) -> Result<Option<u64>, Problem> {
    let Some(number) = number else {
        return Ok(None);
    };
    match number.as_u64().filter(|value| *value <= max) {
        Some(value) => Ok(Some(value)),
        None => Err(Problem::impossible(format!(
            "{field}: a whole number from 0 to {max}, not {number}"
        ))),
    }
}

fn between(
    number: Option<&Number>,
    min: f64,
    max: f64,
    field: &str,
) -> Result<Option<f64>, Problem> {
    let Some(number) = number else {
        return Ok(None);
    };
    match number.as_f64().filter(|value| (min..=max).contains(value)) {
        Some(value) => Ok(Some(value)),
        None => Err(Problem::impossible(format!(
            "{field}: a number from {min} to {max}, not {number}"
        ))),
    }
}
