//! Where a call would go, and why nowhere else. Nothing is counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::State;

use super::Api;
use super::body::JsonBody;
use super::control::{Refused, RouteChoice, RouteOutcome};
use super::model::{ExplainAction, ExplainAnswer, ExplainOther, ExplainRequest};
use super::openapi::{Broken, Guarded, Impossible, WithBody};
use super::problem::Problem;
use crate::balance::{Ask, Demand, ExhaustedStep, GroupId, PeerId, Step, Verdict};

/// Explains where a call would go: which route, which peer, and of every other peer why not.
///
/// Nothing is counted. Where peers are equal, chance decides, so that the next call may go elsewhere.
#[utoipa::path(post, path = "/v1/explain", tag = "calls", request_body = ExplainRequest,
    responses((status = 200, description = "Where it would go", body = ExplainAnswer),
        WithBody, Impossible, Broken, Guarded))]
pub async fn explain(
    State(api): State<Arc<Api>>,
    JsonBody(call): JsonBody<ExplainRequest>,
) -> Result<Json<ExplainAnswer>, Problem> {
    let choice = api.parts.control.route(&call).await?;
    let RouteChoice { route, action } = choice;
    let mut answer = ExplainAnswer {
        route,
        action: ExplainAction::Group,
        group: None,
        peer: None,
        step: None,
        uri: None,
        status: None,
        resources: BTreeMap::new(),
        others: Vec::new(),
    };
    match action {
        RouteOutcome::Group {
            group,
            demand,
            overflow,
            hash_key,
        } => {
            let wanted = Wanted::new(&api, &group, &demand, overflow, &hash_key)?;
            wanted.place(&api, &mut answer);
            answer.group = Some(group);
            answer.resources = demand.into_iter().collect();
        }
        RouteOutcome::Uri(uri) => {
            answer.action = ExplainAction::Uri;
            answer.uri = Some(uri);
        }
        RouteOutcome::Reject(status) => {
            answer.action = ExplainAction::Reject;
            answer.status = Some(status);
        }
        RouteOutcome::None => {
            answer.action = ExplainAction::Reject;
            answer.status = Some(404);
        }
    }
    Ok(Json(answer))
}

/// A call on its way to a group, in the ledger's terms.
struct Wanted<'a> {
    group: GroupId,
    demand: Demand,
    first_step: Step,
    hash_key: &'a [u8],
}

impl<'a> Wanted<'a> {
    fn new(
        api: &Api,
        group: &str,
        demand: &[(String, u32)],
        overflow: bool,
        hash_key: &'a [u8],
    ) -> Result<Self, Problem> {
        let directory = api.parts.ledger.directory();
        // The routes were read a moment ago; a reload in between can take a name away.
        let gone = |what: &str| Refused::Unavailable(format!("{what} was just removed; try again"));
        let id = directory.group_named(group).ok_or_else(|| gone(group))?;
        let mut items = Vec::new();
        for (name, units) in demand {
            let resource = directory.resource_named(name).ok_or_else(|| gone(name))?;
            items.push((resource, *units));
        }
        Ok(Self {
            group: id,
            demand: Demand::new(items).map_err(|error| Refused::Broken(error.to_string()))?,
            first_step: if overflow {
                Step::Overflow
            } else {
                Step::Balance
            },
            hash_key,
        })
    }

    /// The steps of the ladder that this group has for itself, until one finds a peer.
    fn place(&self, api: &Api, answer: &mut ExplainAnswer) {
        let directory = api.parts.ledger.directory();
        let dispatches = directory.group(self.group).is_some_and(|group| {
            let dispatch = |step: &ExhaustedStep<GroupId>| matches!(step, ExhaustedStep::Dispatch);
            group.exhausted.iter().any(dispatch)
        });
        let mut verdicts = self.ask(api, self.first_step);
        let mut step = self.first_step;
        if !verdicts
            .iter()
            .any(|(_, verdict)| *verdict == Verdict::Chosen)
            && dispatches
        {
            verdicts = self.ask(api, Step::Dispatch);
            step = Step::Dispatch;
        }
        for (id, verdict) in verdicts {
            let peer = directory.peer(id).map(|peer| peer.name.to_string());
            let peer = peer.unwrap_or_default();
            match verdict {
                Verdict::Chosen => {
                    answer.step = Some(step.as_str().to_owned());
                    answer.peer = Some(peer);
                }
                Verdict::PassedOver(reason) => answer.others.push(other(peer, vec![reason])),
                Verdict::Unfit(reasons) => answer.others.push(other(peer, reasons)),
            }
        }
        if answer.peer.is_none() {
            answer.status = Some(503);
        }
    }

    fn ask(&self, api: &Api, step: Step) -> Vec<(PeerId, Verdict)> {
        let ask = Ask {
            group: self.group,
            demand: &self.demand,
            step,
            tried: &[],
            hash_key: self.hash_key,
        };
        api.parts.ledger.explain(Instant::now(), &ask)
    }
}

fn other(peer: String, why_not: Vec<String>) -> ExplainOther {
    ExplainOther { peer, why_not }
}
