//! What a client may ask of us, and no more.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::json;
use tandem::http::{Limits, Rate};

use crate::client::Request;
use crate::server::{ADMIN, Server, too_long};

#[test]
fn a_client_that_asks_too_often_is_429_and_told_when_to_come_back() {
    let rate = Rate {
        per_second: 0.01,
        burst: 3.0,
        clients_max: 10,
    };
    let server = Server::with(
        Limits {
            rate,
            ..Limits::default()
        },
        false,
        Some(ADMIN),
    );
    for _ in 0..3 {
        assert_eq!(server.get("/v1/peers").status, 200);
    }
    let answer = server.get("/v1/peers");
    answer.problem(429);
    let seconds = answer
        .header("retry-after")
        .and_then(|text| text.parse().ok());
    assert!((90..=101).contains(&seconds.unwrap_or(0)), "{answer:?}");
    // Whoever asks whether to send us traffic is always told.
    assert_eq!(server.get("/healthz").status, 200);
    assert_eq!(server.get("/readyz").status, 200);
}

#[test]
fn requests_beyond_the_most_at_once_are_503_and_the_next_ones_are_served() {
    let limits = Limits {
        requests_max: 1,
        request_timeout: Duration::from_secs(3),
        ..Limits::default()
    };
    let server = Server::with(limits, false, Some(ADMIN));
    server.control.hang.store(true, Ordering::SeqCst);
    let address = server.address;
    let reload = Request::new("POST", "/v1/reload").token(ADMIN);
    // It may meet one of the questions below in the only place, and is then sent again.
    let slow = std::thread::spawn(move || {
        loop {
            let answer = reload.send(address);
            if answer.problem(503) == "the answer was not ready in time" {
                break answer;
            }
        }
    });
    let start = Instant::now();
    let busy = loop {
        let answer = server.get("/v1/peers");
        if answer.status == 503 {
            break answer;
        }
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "it never was busy"
        );
    };
    busy.problem(503);
    assert_eq!(busy.header("retry-after"), Some("1"));
    // An answer that is not ready in time ends as 503 too, and frees its place.
    let late = slow.join().expect("an answer");
    assert_eq!(late.problem(503), "the answer was not ready in time");
    assert_eq!(server.get("/v1/peers").status, 200);
}

#[test]
fn a_body_that_does_not_come_is_408() {
    let limits = Limits {
        body_timeout: Duration::from_millis(50),
        ..Limits::default()
    };
    let server = Server::with(limits, false, Some(ADMIN));
    let slow = Request::new("PATCH", "/v1/peers/pbx-a")
        .token(ADMIN)
        .header("Content-Type: application/json")
        .header("Content-Length: 100");
    slow.send(server.address).problem(408);
}

#[test]
fn a_body_that_is_too_long_is_413_also_where_none_is_read() {
    let server = Server::start();
    let body = too_long();
    for (method, path) in [
        ("GET", "/v1/peers"),
        ("DELETE", "/v1/peers/pbx-b"),
        ("POST", "/v1/reload"),
    ] {
        let request = Request::new(method, path).token(ADMIN).bytes(&body);
        request.send(server.address).problem(413);
    }
    assert_eq!(server.get("/v1/peers/pbx-b").status, 200);
}

#[test]
fn a_client_that_asks_first_is_refused_before_it_sends() {
    let server = Server::start();
    let mut stream = TcpStream::connect(server.address).expect("the server listens");
    let head = format!(
        "PUT /v1/peers/pbx-a HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN}\r\n\
         Content-Length: 2000000\r\nExpect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("the head is sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    assert!(text.starts_with("HTTP/1.1 413 "), "{text}");
}

#[test]
fn too_many_or_too_long_headers_are_431() {
    let server = Server::start();
    let mut many = Request::new("GET", "/v1/peers");
    for number in 0..70 {
        many = many.header(&format!("X-{number}: x"));
    }
    assert_eq!(many.send_undescribed(server.address).status, 431);
    let long = format!("X-Long: {}", "x".repeat(200_000));
    let long = Request::new("GET", "/v1/peers").header(&long);
    assert_eq!(long.send_undescribed(server.address).status, 431);
}

#[test]
fn a_name_that_nobody_configured_never_becomes_a_metric() {
    let server = Server::start();
    let handle = tandem::metrics::start();
    let path = "/v1/peers/a-name-that-a-client-made-up";
    server.get(path).problem(404);
    Request::new("BREW", path).send_undescribed(server.address);
    Request::new("GET", "/made-up").send_undescribed(server.address);
    server.admin("PATCH", path, &json!({ "weight": 1 }));
    let text = handle.render();
    assert!(text.contains("route=\"/v1/peers/{peer}\""), "{text}");
    assert!(!text.contains("made-up"), "{text}");
    assert!(!text.contains("BREW"), "{text}");
}

#[test]
fn a_body_that_nobody_asked_for_does_not_cost_the_connection() {
    let server = Server::start();
    let mut stream = TcpStream::connect(server.address).expect("the server listens");
    for path in [
        "POST /v1/reload",
        "DELETE /v1/calls/1",
        "DELETE /v1/peers/no",
    ] {
        let head = format!(
            "{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN}\r\nContent-Length: 2\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("the head is sent");
        // The body comes in a packet of its own.
        std::thread::sleep(Duration::from_millis(20));
        stream.write_all(b"{}").expect("the body is sent");
        let mut answer = [0; 4096];
        let length = stream.read(&mut answer).expect("an answer");
        assert!(length > 0, "the connection was closed before {path}");
    }
    let next = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(next).expect("the next request is sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
}
