//! A plain HTTP client that takes every status for an answer.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub text: String,
}

impl Answer {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text))
    }
}

/// A client of one server.
#[derive(Clone)]
pub struct Client {
    agent: ureq::Agent,
    base: String,
}

impl Client {
    pub fn new(base: &str) -> Self {
        Self::patient(base, Duration::from_secs(5))
    }

    /// One that waits so long for an answer.
    pub fn patient(base: &str, patience: Duration) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(patience))
            .proxy(None)
            .build();
        Self {
            agent: config.into(),
            base: base.to_owned(),
        }
    }

    /// Host and port.
    pub fn authority(&self) -> &str {
        self.base.trim_start_matches("http://")
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        let result = self.agent.get(format!("{}{path}", self.base)).call();
        let answer = result.and_then(read);
        answer.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Follows `/v1/events` from the event `since` on, until what has come is `enough`: ids and data.
    #[track_caller]
    pub fn events(
        &self,
        since: u64,
        enough: impl Fn(&[(u64, String)]) -> bool,
    ) -> Vec<(u64, String)> {
        let server = self.base.trim_start_matches("http://");
        let mut stream = TcpStream::connect(server).expect("it listens");
        let patience = Some(Duration::from_secs(5));
        stream.set_read_timeout(patience).expect("a timeout");
        let request = format!("GET /v1/events?since={since} HTTP/1.1\r\nHost: {server}\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("sent");
        let (mut id, mut seen) = (0, Vec::new());
        for line in BufReader::new(stream).lines() {
            let line = line.unwrap_or_else(|error| panic!("{error} after {seen:#?}"));
            if let Some(next) = line.strip_prefix("id: ") {
                id = next.parse().expect("a number");
            } else if let Some(data) = line.strip_prefix("data: ") {
                seen.push((std::mem::take(&mut id), data.to_owned()));
            }
            if enough(&seen) {
                break;
            }
        }
        seen
    }

    /// A request with a body; `token` goes into Authorization.
    #[track_caller]
    pub fn send(&self, method: &str, path: &str, token: Option<&str>, body: &Value) -> Answer {
        let sent = self.try_to_send(method, path, token, body);
        sent.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// The same, of a server that may be away.
    pub fn try_to_send(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &Value,
    ) -> Result<Answer, ureq::Error> {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("Content-Type", "application/json");
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let request = request
            .body(serde_json::to_vec(body).expect("JSON"))
            .expect("request");
        read(self.agent.run(request)?)
    }
}

fn read(mut response: ureq::http::Response<ureq::Body>) -> Result<Answer, ureq::Error> {
    Ok(Answer {
        status: response.status().as_u16(),
        text: response.body_mut().read_to_string()?,
    })
}
