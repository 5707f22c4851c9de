//! `tandem calls`.

use super::api::{Api, Failure, escaped};
use super::args::{Calls, CallsAction, CallsList};
use super::show;
use super::table::{Table, plain};
use crate::http::model::{CallEntry, CallList, CallState, DecisionList};

/// Calls asked for in one request.
const PAGE: usize = 1000;

pub fn run(args: &Calls) -> Result<(), Failure> {
    let api = Api::new(&args.connection)?;
    let json = args.connection.json;
    match &args.action {
        None => list(&api, json, &CallsList::default()),
        Some(CallsAction::List(asked)) => list(&api, json, asked),
        Some(CallsAction::Show(call)) => {
            let call: CallEntry = api.get(&path(&call.id))?;
            show(json, &call, details);
            Ok(())
        }
        Some(CallsAction::Failed) => {
            let list: DecisionList = api.get("/v1/decisions")?;
            show(json, &list, decisions);
            Ok(())
        }
        Some(CallsAction::End(call)) => {
            api.delete(&path(&call.id))?;
            let ended = serde_json::json!({ "id": call.id, "ended": true });
            show(json, &ended, |_| {
                format!("{}: is being ended\n", plain(&call.id))
            });
            Ok(())
        }
    }
}

fn path(id: &str) -> String {
    format!("/v1/calls/{}", escaped(id))
}

fn list(api: &Api, json: bool, asked: &CallsList) -> Result<(), Failure> {
    let limit = usize::try_from(asked.limit).unwrap_or(usize::MAX);
    let mut all = CallList {
        calls: Vec::new(),
        next_cursor: None,
    };
    loop {
        let page = query(
            asked,
            (limit - all.calls.len()).min(PAGE),
            all.next_cursor.as_deref(),
        );
        let mut page: CallList = api.get(&page)?;
        let empty = page.calls.is_empty();
        all.calls.append(&mut page.calls);
        all.next_cursor = page.next_cursor;
        if all.next_cursor.is_none() || empty || all.calls.len() >= limit {
            break;
        }
    }
    show(json, &all, table);
    if all.next_cursor.is_some() && !json {
        eprintln!("There are more calls than {limit}: give --limit, --peer, --group or --state.");
    }
    Ok(())
}

fn query(asked: &CallsList, limit: usize, cursor: Option<&str>) -> String {
    let mut path = format!("/v1/calls?limit={limit}");
    let options = [
        ("peer", asked.peer.as_deref()),
        ("group", asked.group.as_deref()),
        ("state", asked.state.map(|state| state.as_str())),
        ("cursor", cursor),
    ];
    for (key, value) in options {
        if let Some(value) = value {
            path.push_str(&format!("&{key}={}", escaped(value)));
        }
    }
    path
}

fn table(list: &CallList) -> String {
    if list.calls.is_empty() {
        return "No live call.\n".to_owned();
    }
    let mut table = Table::new(&[
        "ID", "STATE", "PEER", "GROUP", "SINCE", "FROM", "TO", "TAKES", "CALL-ID",
    ]);
    for call in &list.calls {
        table.row([
            call.id.clone(),
            state(call.state).to_owned(),
            call.peer.clone().unwrap_or_else(|| "-".to_owned()),
            call.group.clone().unwrap_or_else(|| "-".to_owned()),
            call.since.clone(),
            call.from.clone(),
            call.to.clone(),
            takes(call),
            call.call_id.clone(),
        ]);
    }
    table.text()
}

fn details(call: &CallEntry) -> String {
    let dash = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    let lines = [
        ("id", call.id.clone()),
        ("call-id", call.call_id.clone()),
        ("state", state(call.state).to_owned()),
        ("since", call.since.clone()),
        ("from", call.from.clone()),
        ("to", call.to.clone()),
        ("peer", dash(&call.peer)),
        ("group", dash(&call.group)),
        (
            "route",
            call.route
                .map_or_else(|| "-".to_owned(), |route| route.to_string()),
        ),
        ("takes", takes(call)),
    ];
    let mut text = String::new();
    for (label, value) in lines {
        text.push_str(&format!("{label:<8} {}\n", plain(&value)));
    }
    let mut tried = Table::new(&["TRIED", "OUTCOME"]);
    for attempt in &call.attempts {
        tried.row([attempt.peer.clone(), attempt.outcome.clone()]);
    }
    text.push_str(&format!("\n{}", tried.text()));
    if !call.others.is_empty() {
        let mut others = Table::new(&["NOT TO", "WHY, AS THINGS ARE NOW"]);
        for other in &call.others {
            others.row([other.peer.clone(), other.why_not.join("; ")]);
        }
        text.push_str(&format!("\n{}", others.text()));
    }
    text
}

fn decisions(list: &DecisionList) -> String {
    if list.decisions.is_empty() {
        return "None since the server's start.\n".to_owned();
    }
    let mut table = Table::new(&["AT", "GROUP", "ROUTE", "CALL-ID", "WHAT"]);
    let dash = || "-".to_owned();
    for decision in &list.decisions {
        table.row([
            decision.at.clone(),
            decision.group.clone().unwrap_or_else(dash),
            decision.route.map_or_else(dash, |route| route.to_string()),
            decision.call_id.clone(),
            decision.words.clone(),
        ]);
    }
    table.text()
}

fn takes(call: &CallEntry) -> String {
    let items = call.resources.iter();
    let items = items.map(|(resource, units)| format!("{resource}={units}"));
    items.collect::<Vec<_>>().join(" ")
}

/// As the API says it.
pub fn state(state: CallState) -> &'static str {
    match state {
        CallState::Ringing => "ringing",
        CallState::Up => "up",
        CallState::Ending => "ending",
    }
}

#[cfg(test)]
mod tests {
    use super::super::args::State;
    use super::*;

    #[test]
    fn a_query_names_only_what_was_asked_for() {
        assert_eq!(query(&CallsList::default(), 7, None), "/v1/calls?limit=7");
        let asked = CallsList {
            peer: Some("a b&c".into()),
            state: Some(State::Up),
            ..CallsList::default()
        };
        assert_eq!(
            query(&asked, 1, Some("x=")),
            "/v1/calls?limit=1&peer=a%20b%26c&state=up&cursor=x%3D"
        );
    }
}
