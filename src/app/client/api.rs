//! One request and its answer, or in words why there is none.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::Request;

use super::args::Connection;
use crate::http::ProblemBody;

/// The longest that one answer is waited for; longer than the server takes for any.
const PATIENCE: Duration = Duration::from_secs(35);

/// Why a command did not do what was asked. Each kind has its exit code.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// The server refused, or gave an answer that cannot be understood.
    Refused(String),
    /// The command line cannot be so.
    Usage(String),
    /// Nobody answers at the URL.
    NoServer(String),
    /// No such peer or call.
    NotFound(String),
    /// The token is missing or wrong.
    Denied(String),
    /// All went well, and the answer is no.
    No(String),
}

impl Failure {
    /// The exit code; see [`super::CODES`].
    pub fn code(&self) -> u8 {
        match self {
            Failure::Refused(_) => 1,
            Failure::Usage(_) => 2,
            Failure::NoServer(_) => 3,
            Failure::NotFound(_) => 4,
            Failure::Denied(_) => 5,
            Failure::No(_) => 6,
        }
    }

    /// What is said on stderr.
    pub fn words(&self) -> &str {
        match self {
            Failure::Refused(words)
            | Failure::Usage(words)
            | Failure::NoServer(words)
            | Failure::NotFound(words)
            | Failure::Denied(words)
            | Failure::No(words) => words,
        }
    }
}

/// A client of one server.
pub struct Api {
    agent: ureq::Agent,
    base: String,
    token: Option<String>,
}

impl Api {
    /// Does not connect yet.
    pub fn new(connection: &Connection) -> Result<Self, Failure> {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            // The server is on this host or in this network; a proxy for the web knows nothing of it.
            .proxy(None)
            .build();
        Ok(Api {
            agent: config.into(),
            base: base(&connection.url)?,
            // An empty variable is one that is not set.
            token: connection.token.clone().filter(|token| !token.is_empty()),
        })
    }

    /// `GET`.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        read(&self.send("GET", path, Vec::new())?)
    }

    /// `GET`, whatever the answer's shape.
    pub fn text(&self, path: &str) -> Result<String, Failure> {
        self.send("GET", path, Vec::new())
    }

    /// A request with a body of JSON.
    pub fn with_body<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let body = serde_json::to_vec(body).map_err(|error| Failure::Usage(format!("{error}")))?;
        read(&self.send(method, path, body)?)
    }

    /// `DELETE`; the answer has no body.
    pub fn delete(&self, path: &str) -> Result<(), Failure> {
        self.send("DELETE", path, Vec::new()).map(drop)
    }

    fn send(&self, method: &str, path: &str, body: Vec<u8>) -> Result<String, Failure> {
        let url = format!("{}{path}", self.base);
        let mut request = Request::builder().method(method).uri(url);
        if !body.is_empty() {
            request = request.header("Content-Type", "application/json");
        }
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let request = request
            .body(body)
            .map_err(|error| Failure::Usage(format!("--url or --token cannot be so: {error}")))?;
        let mut response = self
            .agent
            .run(request)
            .map_err(|error| no_answer(&self.base, &error))?;
        let text = response
            .body_mut()
            .with_config()
            .limit(64 << 20)
            .read_to_string();
        let text = text.map_err(|error| no_answer(&self.base, &error))?;
        match response.status().as_u16() {
            200..=299 => Ok(text),
            status => Err(refusal(&self.base, status, &text)),
        }
    }
}

fn base(url: &str) -> Result<String, Failure> {
    let (scheme, place) = url.split_once("://").unwrap_or(("http", url));
    let place = place.trim_end_matches('/');
    match scheme {
        "http" if !place.is_empty() => Ok(format!("http://{place}")),
        _ => Err(Failure::Usage(format!(
            "--url {url:?}: give http://HOST:PORT; from afar, go through an SSH tunnel or a proxy that ends TLS"
        ))),
    }
}

fn no_answer(base: &str, error: &ureq::Error) -> Failure {
    Failure::NoServer(format!(
        "no server at {base}: is `tandem serve` running, and is that its [http] listen? ({error})"
    ))
}

fn refusal(base: &str, status: u16, text: &str) -> Failure {
    let Ok(problem) = serde_json::from_str::<ProblemBody>(text) else {
        return Failure::Refused(format!(
            "{base} answered {status}, not as a Tandem does: is it another program's port?"
        ));
    };
    let detail = problem.detail;
    match status {
        401 => Failure::Denied(format!(
            "{detail}: give --token, or set TANDEM_ADMIN_TOKEN, to [http] admin_token of its configuration"
        )),
        403 => Failure::Denied(detail),
        404 => Failure::NotFound(detail),
        _ => Failure::Refused(detail),
    }
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| {
        Failure::Refused(format!(
            "its answer cannot be read ({error}): is it a Tandem, and of this version?"
        ))
    })
}

/// One segment of a path, or one value of a query: everything but what RFC 3986 §2.3 leaves alone is escaped.
pub fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    // A path is tidied of these, and would lead elsewhere.
    match out.as_str() {
        "." | ".." => out.replace('.', "%2E"),
        _ => out,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_with_and_without_its_scheme_and_last_slash() {
        for url in ["http://h:1", "http://h:1/", "h:1"] {
            assert_eq!(base(url), Ok("http://h:1".to_owned()), "{url}");
        }
        for url in ["https://h", "", "http://", "ftp://h"] {
            assert!(matches!(base(url), Err(Failure::Usage(_))), "{url}");
        }
    }

    #[test]
    fn a_name_stays_one_segment_of_the_path() {
        assert_eq!(escaped("pbx-a.1_~"), "pbx-a.1_~");
        assert_eq!(escaped("../x?y#z é"), "..%2Fx%3Fy%23z%20%C3%A9");
        assert_eq!(escaped(".."), "%2E%2E");
    }
}
