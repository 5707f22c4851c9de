//! A client that sends what it is told, byte for byte, and checks every answer against the API's own description.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::description;

/// What the server answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub text: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// An error in the form that RFC 9457 gives it. Its detail comes back.
    #[track_caller]
    pub fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        let body = self.json();
        assert_eq!(body["status"], status, "{self:?}");
        for key in ["type", "title", "detail"] {
            let text = body[key].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{key} in {self:?}");
        }
        body["detail"].as_str().unwrap_or_default().to_owned()
    }
}

/// A request to be.
#[derive(Clone, Debug)]
pub struct Request {
    method: &'static str,
    path: String,
    headers: Vec<String>,
    body: Vec<u8>,
}

impl Request {
    pub fn new(method: &'static str, path: &str) -> Self {
        Self {
            method,
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub fn header(mut self, line: &str) -> Self {
        self.headers.push(line.to_owned());
        self
    }

    pub fn token(self, token: &str) -> Self {
        self.header(&format!("Authorization: Bearer {token}"))
    }

    pub fn json(self, body: &Value) -> Self {
        self.header("Content-Type: application/json")
            .bytes(body.to_string().as_bytes())
    }

    pub fn bytes(mut self, body: &[u8]) -> Self {
        self.headers.push(format!("Content-Length: {}", body.len()));
        self.body = body.to_vec();
        self
    }

    /// The body without a `Content-Length`, in chunks.
    pub fn chunked(mut self, body: &[u8]) -> Self {
        self.headers.push("Transfer-Encoding: chunked".to_owned());
        for chunk in body.chunks(60_000) {
            self.body
                .extend(format!("{:x}\r\n", chunk.len()).as_bytes());
            self.body.extend(chunk);
            self.body.extend(b"\r\n");
        }
        self.body.extend(b"0\r\n\r\n");
        self
    }

    /// Sends it and reads the answer. The status must be one that the API's description names.
    #[track_caller]
    pub fn send(&self, server: SocketAddr) -> Answer {
        let answer = self.send_undescribed(server);
        description::allows(self.method, &self.path, answer.status);
        answer
    }

    /// As [`Request::send`], for what no description covers: paths and methods that are not there.
    #[track_caller]
    pub fn send_undescribed(&self, server: SocketAddr) -> Answer {
        let mut stream = TcpStream::connect(server).expect("the server listens");
        let patience = Some(Duration::from_secs(20));
        stream.set_read_timeout(patience).expect("a timeout");
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        if !self.headers.iter().any(|line| line.starts_with("Host:")) {
            head.push_str(&format!("Host: {server}\r\n"));
        }
        for line in &self.headers {
            head.push_str(line);
            head.push_str("\r\n");
        }
        head.push_str("Connection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("the head is sent");
        stream.write_all(&self.body).expect("the body is sent");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("an answer");
        read(&bytes)
    }
}

#[track_caller]
fn read(bytes: &[u8]) -> Answer {
    let text = String::from_utf8(bytes.to_vec()).expect("answers are UTF-8");
    let (head, body) = text.split_once("\r\n\r\n").expect("a whole head");
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let headers = lines.filter_map(|line| line.split_once(": "));
    let answer = Answer {
        status: status.and_then(|code| code.parse().ok()).expect("a status"),
        headers: headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect(),
        text: body.to_owned(),
    };
    assert_ne!(
        answer.header("transfer-encoding"),
        Some("chunked"),
        "answers have a length"
    );
    answer
}
