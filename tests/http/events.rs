//! `GET /v1/events`, over a socket.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use tandem::http::Event;
use tandem::http::model::CallEvent;

use crate::client::Request;
use crate::server::Server;

fn event(calls: u64) -> Event {
    Event::Call(CallEvent {
        at: "2026-01-01T12:00:00.000Z".into(),
        what: "exhausted".into(),
        group: "pbx".into(),
        calls,
        ended: None,
        words: "full".into(),
    })
}

/// A client that reads lines as they come.
struct Follower(BufReader<TcpStream>);

impl Follower {
    fn start(server: SocketAddr, query: &str, header: &str) -> Self {
        let mut stream = TcpStream::connect(server).expect("the server listens");
        let patience = Some(Duration::from_secs(10));
        stream.set_read_timeout(patience).expect("a timeout");
        let head = format!("GET /v1/events{query} HTTP/1.1\r\nHost: {server}\r\n{header}\r\n");
        stream.write_all(head.as_bytes()).expect("sent");
        let mut follower = Self(BufReader::new(stream));
        assert!(follower.line("HTTP/1.1 ").contains("200"));
        follower.line("content-type: text/event-stream");
        follower.line("retry: ");
        follower
    }

    /// The rest of the next line that starts so; lines of chunks and others are passed over.
    #[track_caller]
    fn line(&mut self, start: &str) -> String {
        loop {
            let mut line = String::new();
            let length = self.0.read_line(&mut line).expect("in time");
            assert!(length > 0, "it ended before `{start}`");
            if let Some(rest) = line.strip_prefix(start) {
                return rest.trim_end().to_owned();
            }
        }
    }

    #[track_caller]
    fn next(&mut self) -> (u64, serde_json::Value) {
        let id = self.line("id: ").parse().expect("a number");
        assert_eq!(self.line("event: "), "call");
        let data = self.line("data: ");
        (id, serde_json::from_str(&data).expect("JSON"))
    }
}

#[test]
fn events_come_as_they_happen_and_a_client_resumes_by_id() {
    let server = Server::start();
    server.events.tell(&event(1));
    let mut all = Follower::start(server.address, "?since=0", "");
    let (first, data) = all.next();
    assert_eq!(data["calls"], 1);
    assert_eq!(data["group"], "pbx");
    server.events.tell(&event(2));
    let (second, data) = all.next();
    assert_eq!((second, &data["calls"]), (first + 1, &2.into()));
    // The header of a browser that comes again wins over its address.
    let header = format!("Last-Event-ID: {first}\r\n");
    for mut resumed in [
        Follower::start(server.address, &format!("?since={first}"), ""),
        Follower::start(server.address, "?since=0", &header),
    ] {
        assert_eq!(resumed.next().0, second);
    }
    let mut late = Follower::start(server.address, "", "");
    server.events.tell(&event(3));
    assert_eq!(late.next().0, second + 1);
}

#[test]
fn a_stop_waits_for_nobody_who_follows() {
    let server = Server::start();
    let mut follower = Follower::start(server.address, "", "Connection: close\r\n");
    server.events.close();
    let mut rest = String::new();
    while follower.0.read_line(&mut rest).expect("in time") > 0 {}
    assert!(rest.ends_with("0\r\n\r\n"), "{rest:?}");
    let refused = Request::new("GET", "/v1/events").send(server.address);
    assert!(refused.problem(503).contains("stops"));
    server.stop();
}

#[test]
fn a_query_that_cannot_be_read_is_refused() {
    let server = Server::start();
    for query in ["since=x", "since=-1", "sinse=1"] {
        let path = format!("/v1/events?{query}");
        Request::new("GET", &path).send(server.address).problem(400);
    }
}
