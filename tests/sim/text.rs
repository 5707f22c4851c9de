//! SIP as the simulated phones and the oracle read and write it: a few lines of text, apart from the parser under test.

use std::net::SocketAddr;

/// A message in pieces.
#[derive(Clone, Debug)]
pub struct Text {
    pub start: String,
    pub headers: Vec<(String, String)>,
}

impl Text {
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut lines = text.split("\r\n");
        let start = lines.next()?.to_string();
        let headers = lines
            .take_while(|line| !line.is_empty())
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_string()))
            .collect();
        Some(Self { start, headers })
    }

    pub fn status(&self) -> Option<u16> {
        let rest = self.start.strip_prefix("SIP/2.0 ")?;
        rest.get(..3)?.parse().ok()
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = move |(known, _): &&(String, String)| known == name;
        self.headers
            .iter()
            .filter(named)
            .map(|(_, value)| value.as_str())
    }

    pub fn header<'a>(&'a self, name: &'a str) -> &'a str {
        self.all(name).next().unwrap_or_default()
    }

    pub fn call_id(&self) -> &str {
        self.header("call-id")
    }

    pub fn tag_of_from(&self) -> &str {
        param(self.header("from"), "tag")
    }

    pub fn tag_of_to(&self) -> &str {
        param(self.header("to"), "tag")
    }

    pub fn cseq(&self) -> u32 {
        let number = self.header("cseq").split(' ').next().unwrap_or_default();
        number.parse().unwrap_or(0)
    }

    /// The method of the CSeq: of a response, that of its request.
    pub fn method(&self) -> &str {
        self.header("cseq").split(' ').nth(1).unwrap_or_default()
    }

    pub fn branch(&self) -> &str {
        param(self.header("via"), "branch")
    }

    pub fn contact(&self) -> &str {
        uri_of(self.header("contact"))
    }

    /// Session-Expires, in seconds.
    pub fn session(&self) -> Option<u32> {
        let value = self.header("session-expires");
        value.split(';').next()?.parse().ok()
    }

    /// For the trace.
    pub fn brief(&self) -> String {
        let start: String = self.start.chars().take(40).collect();
        format!(
            "{start} [{} {} from {} to {}]",
            self.call_id(),
            self.header("cseq"),
            self.tag_of_from(),
            self.tag_of_to()
        )
    }
}

fn param<'a>(value: &'a str, name: &str) -> &'a str {
    value
        .split(';')
        .filter_map(|part| part.split_once('='))
        .find(|(known, _)| *known == name)
        .map_or("", |(_, value)| value)
}

/// What stands between angle brackets.
pub fn uri_of(value: &str) -> &str {
    let inner = value.split_once('<').map_or(value, |(_, rest)| rest);
    inner.split_once('>').map_or(inner, |(uri, _)| uri)
}

/// A request in pieces.
pub struct Request<'a> {
    pub method: &'a str,
    pub uri: &'a str,
    pub via: SocketAddr,
    pub branch: &'a str,
    pub from: &'a str,
    pub to: &'a str,
    pub call_id: &'a str,
    pub cseq: u32,
    pub routes: &'a [String],
    pub extra: &'a str,
}

impl Request<'_> {
    pub fn write(&self) -> String {
        let routes: String = self
            .routes
            .iter()
            .map(|route| format!("Route: {route}\r\n"))
            .collect();
        format!(
            "{} {} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch={}\r\nMax-Forwards: 70\r\n{routes}From: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {} {}\r\n{}Content-Length: 0\r\n\r\n",
            self.method,
            self.uri,
            self.via,
            self.branch,
            self.from,
            self.to,
            self.call_id,
            self.cseq,
            self.method,
            self.extra
        )
    }
}

/// A response to `request`; the tag is added where To has none.
pub fn response(request: &Text, status: u16, tag: &str, extra: &str) -> String {
    let mut out = format!("SIP/2.0 {status} Simulated\r\n");
    for (name, value) in &request.headers {
        match name.as_str() {
            "via" | "record-route" | "from" | "call-id" | "cseq" => {
                out.push_str(&format!("{name}: {value}\r\n"));
            }
            "to" if request.tag_of_to().is_empty() && !tag.is_empty() => {
                out.push_str(&format!("To: {value};tag={tag}\r\n"));
            }
            "to" => out.push_str(&format!("To: {value}\r\n")),
            _ => {}
        }
    }
    out.push_str(extra);
    out.push_str("Content-Length: 0\r\n\r\n");
    out
}
