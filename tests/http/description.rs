//! The API's own description, and what it says of an answer.

use std::sync::LazyLock;

use serde_json::Value;
use tandem::http::model::CallState;

use crate::client::Request;
use crate::fakes::call;
use crate::server::Server;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let text = tandem::http::document()
        .to_json()
        .expect("the document is JSON");
    serde_json::from_str(&text).expect("the document is JSON")
});

/// Whether the description says that this request may be answered so.
#[track_caller]
pub fn allows(method: &str, path: &str, status: u16) {
    let path = path.split('?').next().unwrap_or_default();
    let paths = DOCUMENT["paths"].as_object().expect("paths");
    let described = paths.iter().find(|(template, _)| fits(template, path));
    let (template, item) = described.unwrap_or_else(|| panic!("{path} is not described"));
    let method = if method == "HEAD" {
        "get".to_owned()
    } else {
        method.to_lowercase()
    };
    let responses = &item[&method]["responses"];
    assert!(
        responses.get(status.to_string()).is_some(),
        "{method} {template} answered {status}, described are {:?}",
        responses
            .as_object()
            .map(|known| known.keys().collect::<Vec<_>>())
    );
}

fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) =
        (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template
            .iter()
            .zip(&path)
            .all(|(wanted, given)| wanted.starts_with('{') || wanted == given)
}

#[test]
fn the_served_document_is_the_one_that_tests_check_against() {
    let answer = Request::new("GET", "/openapi.json").send(Server::start().address);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.json(), *DOCUMENT);
}

#[test]
fn every_described_operation_is_served() {
    let server = Server::start();
    let live = call(1, "pbx-a", CallState::Up);
    server.calls.live.lock().expect("no panic").push(live);
    for (template, item) in DOCUMENT["paths"].as_object().expect("paths") {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            if item.get(method.to_lowercase()).is_none() {
                continue;
            }
            if template == "/v1/events" {
                // Its answer does not end; see `events.rs`.
                continue;
            }
            let path = template.replace("{peer}", "pbx-a").replace("{id}", "c001");
            let answer = Request::new(method, &path).send(server.address);
            assert_ne!(answer.status, 405, "{method} {path}");
            if answer.status == 404 {
                panic!("{method} {path}: {answer:?}");
            }
        }
    }
}

/// The description of a field of a schema, or of what it refers to.
fn field(schema: &str, name: &str) -> &'static Value {
    &DOCUMENT["components"]["schemas"][schema]["properties"][name]
}

#[test]
fn what_put_refuses_as_null_is_not_described_as_nullable() {
    let fields = &DOCUMENT["components"]["schemas"]["PeerSpec"]["properties"];
    let fields = fields.as_object().expect("fields");
    assert!(fields.len() >= 8, "{fields:?}");
    for (name, schema) in fields {
        assert!(!schema.to_string().contains("\"null\""), "{name}: {schema}");
    }
}

#[test]
fn bounds_are_described_as_they_are_held() {
    for schema in ["PeerSpec", "PeerPatch"] {
        let weight = field(schema, "weight");
        assert_eq!(
            (&weight["minimum"], &weight["maximum"]),
            (&1.into(), &10_000.into())
        );
    }
    let units = &DOCUMENT["components"]["schemas"]["Units"]["oneOf"][0];
    assert_eq!(units["maximum"], 10_000_000);
    assert_eq!(field("FeedbackReport", "ttl_seconds")["minimum"], 0.001);
    // As 64 bits without a sign are taken, and not 63.
    assert_eq!(field("FeedbackReport", "seq")["format"], "uint64");
    let since = &DOCUMENT["paths"]["/v1/events"]["get"]["parameters"][0];
    assert_eq!(since["schema"]["format"], "uint64");
    for schema in ["PeerPatch", "FeedbackReport"] {
        assert_eq!(
            DOCUMENT["components"]["schemas"][schema]["minProperties"],
            1
        );
    }
    // More than the most gives the most, and is no error.
    let asked = DOCUMENT["paths"]["/v1/calls"]["get"]["parameters"].as_array();
    let limit = asked.and_then(|all| all.iter().find(|one| one["name"] == "limit"));
    assert_eq!(limit.expect("it is there")["schema"].get("maximum"), None);
}

#[test]
fn the_stream_s_events_are_described_by_their_names() {
    let answer = &DOCUMENT["paths"]["/v1/events"]["get"]["responses"]["200"]["content"];
    let schema = answer["text/event-stream"]["schema"]["$ref"].as_str();
    assert_eq!(schema, Some("#/components/schemas/StreamEvent"));
    let names = &DOCUMENT["components"]["schemas"]["StreamEventName"];
    assert!(names.to_string().contains("\"gap\""), "{names}");
}

#[test]
fn every_reference_in_the_document_leads_somewhere() {
    fn walk(value: &Value, references: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                let reference = map.get("$ref").and_then(Value::as_str);
                references.extend(reference.map(str::to_owned));
                map.values().for_each(|inner| walk(inner, references));
            }
            Value::Array(list) => list.iter().for_each(|inner| walk(inner, references)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut references = Vec::new();
    walk(&DOCUMENT, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.trim_start_matches('#');
        assert!(DOCUMENT.pointer(pointer).is_some(), "{reference}");
    }
}

#[test]
fn every_operation_that_writes_names_the_token_it_needs() {
    let exempt = ["/v1/explain"];
    for (path, item) in DOCUMENT["paths"].as_object().expect("paths") {
        for method in ["post", "put", "patch", "delete"] {
            let Some(operation) = item
                .get(method)
                .filter(|_| !exempt.contains(&path.as_str()))
            else {
                continue;
            };
            assert!(operation["security"].is_array(), "{method} {path}");
            for status in ["401", "403"] {
                assert!(
                    operation["responses"].get(status).is_some(),
                    "{method} {path} {status}"
                );
            }
        }
    }
}
