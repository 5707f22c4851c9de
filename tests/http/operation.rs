//! Health, readiness, reload, and what is not there.

use serde_json::json;
use tandem::http::model::ReloadAnswer;
use tandem::http::{Readiness, Refused};

use crate::client::Request;
use crate::server::{ADMIN, Server};

#[test]
fn the_process_is_alive_whether_or_not_it_is_ready() {
    let server = Server::start();
    *server.control.readiness.lock().expect("no panic") = Readiness {
        stopping: true,
        ..Readiness::default()
    };
    assert_eq!(server.get_json("/healthz"), json!({ "status": "ok" }));
    assert_eq!(server.get("/readyz").status, 503);
}

#[test]
fn readiness_says_what_is_awaited() {
    let server = Server::start();
    let ready = json!({ "ready": true, "stopping": false, "reasons": [] });
    assert_eq!(server.get_json("/readyz"), ready);
    *server.control.readiness.lock().expect("no panic") = Readiness {
        stopping: false,
        reasons: vec!["the calls are being restored".to_owned()],
        store: None,
    };
    let answer = server.get("/readyz");
    let detail = answer.problem(503);
    assert!(detail.contains("the calls are being restored"), "{detail}");
    assert_eq!(
        answer.json()["reasons"],
        json!(["the calls are being restored"])
    );
    assert_eq!(answer.json()["ready"], false);
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[test]
fn a_store_that_is_away_is_told_and_leaves_the_process_ready() {
    let server = Server::start();
    *server.control.readiness.lock().expect("no panic") = Readiness {
        store: Some("connection refused".to_owned()),
        ..Readiness::default()
    };
    let told =
        json!({ "ready": true, "stopping": false, "reasons": [], "store": "connection refused" });
    assert_eq!(server.get_json("/readyz"), told);
}

#[test]
fn a_stopping_process_is_not_ready() {
    let server = Server::start();
    *server.control.readiness.lock().expect("no panic") = Readiness {
        stopping: true,
        ..Readiness::default()
    };
    let answer = server.get("/readyz");
    assert_eq!(answer.problem(503), "Stopping");
    assert_eq!(answer.json()["stopping"], true);
}

#[test]
fn a_reload_tells_what_changed_or_why_not() {
    let server = Server::start();
    let reload = Request::new("POST", "/v1/reload").token(ADMIN);
    *server.control.reload.lock().expect("no panic") = Ok(ReloadAnswer {
        changed: vec!["peer pbx-a: weight 1 → 2".to_owned()],
        needs_restart: Vec::new(),
    });
    let answer = reload.send(server.address);
    assert_eq!(answer.status, 200);
    let wanted = json!({ "changed": ["peer pbx-a: weight 1 → 2"], "needs_restart": [] });
    assert_eq!(answer.json(), wanted);
    let words = "tandem.toml:3:5: unknown key";
    *server.control.reload.lock().expect("no panic") = Err(Refused::Impossible(words.to_owned()));
    assert_eq!(reload.send(server.address).problem(422), words);
}

#[test]
fn metrics_are_declared_as_the_text_format() {
    let answer = Server::start().get("/metrics");
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    assert_eq!(answer.text, "# TYPE played gauge\nplayed 1\n");
}

#[test]
fn a_path_that_is_not_there_is_a_problem_too() {
    let server = Server::start();
    for path in [
        "/nowhere",
        "/v1",
        "/v1/peers/",
        "/v1/peers/pbx-a/feedback/more",
    ] {
        let answer = Request::new("GET", path).send_undescribed(server.address);
        assert!(answer.problem(404).contains(path));
    }
    let broken = Request::new("GET", "/v1/peers/%ff").send_undescribed(server.address);
    broken.problem(400);
}

#[test]
fn a_method_that_is_not_there_is_405_and_says_which_are() {
    let server = Server::start();
    for (method, path, allowed) in [
        ("DELETE", "/v1/peers", "GET,HEAD"),
        ("GET", "/v1/peers/pbx-a/feedback", "POST"),
        ("POST", "/metrics", "GET,HEAD"),
        ("BREW", "/v1/reload", "POST"),
    ] {
        let answer = Request::new(method, path).send_undescribed(server.address);
        answer.problem(405);
        assert_eq!(answer.header("allow"), Some(allowed), "{method} {path}");
    }
}

#[test]
fn head_has_the_headers_of_get_and_no_body() {
    let server = Server::start();
    let answer = Request::new("HEAD", "/v1/peers").send(server.address);
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[test]
fn a_server_that_stops_answers_what_it_has_begun_and_frees_its_port() {
    let server = Server::start();
    let address = server.address;
    assert_eq!(server.get("/healthz").status, 200);
    server.stop();
    assert!(std::net::TcpListener::bind(address).is_ok());
}
