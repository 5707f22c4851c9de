//! `tandem explain`.

use super::api::{Api, Failure};
use super::args::Explain;
use super::show;
use super::table::{Table, plain};
use crate::http::model::{ExplainAction, ExplainAnswer, ExplainRequest};

pub fn run(args: &Explain) -> Result<(), Failure> {
    let api = Api::new(&args.connection)?;
    let call = ExplainRequest {
        method: args.method.clone(),
        uri: args.uri.clone(),
        from: args.from.clone(),
        source: args.source.clone(),
    };
    let answer: ExplainAnswer = api.with_body("POST", "/v1/explain", &call)?;
    show(args.connection.json, &answer, text);
    match (answer.action, &answer.peer) {
        (ExplainAction::Uri, _) | (ExplainAction::Group, Some(_)) => Ok(()),
        (ExplainAction::Reject, _) | (ExplainAction::Group, None) => {
            Err(Failure::No(format!("{} would be refused", args.uri)))
        }
    }
}

fn text(answer: &ExplainAnswer) -> String {
    let route = match (answer.route, answer.action, answer.status) {
        (Some(route), _, _) => format!("route {route} of the configuration matches"),
        (None, ExplainAction::Reject, Some(404)) => "no route matches".to_owned(),
        (None, ExplainAction::Reject, _) => "refused before any route".to_owned(),
        (None, ExplainAction::Group | ExplainAction::Uri, _) => {
            "no route is configured: the default".to_owned()
        }
    };
    let status = answer
        .status
        .map(|status| status.to_string())
        .unwrap_or_default();
    let goes = match (answer.action, &answer.peer) {
        (ExplainAction::Group, Some(peer)) => format!(
            "to {peer} of group {}, by {}",
            answer.group.as_deref().unwrap_or("-"),
            answer.step.as_deref().unwrap_or("-")
        ),
        (ExplainAction::Group, None) => format!(
            "nowhere: {status}; no peer of group {} can take it",
            answer.group.as_deref().unwrap_or("-")
        ),
        (ExplainAction::Uri, _) => format!("out, to {}", answer.uri.as_deref().unwrap_or("-")),
        (ExplainAction::Reject, _) => format!("nowhere: {status}"),
    };
    let mut text = format!(
        "{:<6} {}\n{:<6} {}\n",
        "route",
        plain(&route),
        "goes",
        plain(&goes)
    );
    if !answer.resources.is_empty() {
        let items = answer.resources.iter();
        let items = items.map(|(resource, units)| format!("{resource}={units}"));
        let takes = items.collect::<Vec<_>>().join(" ");
        text.push_str(&format!("{:<6} {}\n", "takes", plain(&takes)));
    }
    if !answer.others.is_empty() {
        let mut table = Table::new(&["NOT TO", "WHY"]);
        for other in &answer.others {
            table.row([other.peer.clone(), other.why_not.join("; ")]);
        }
        text.push_str(&format!("\n{}", table.text()));
    }
    text
}
