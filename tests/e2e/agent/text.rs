//! A message as text: the little that an agent needs to read, and how it writes.

use std::net::SocketAddr;

/// A message that came in.
#[derive(Clone, Debug)]
pub struct Msg {
    pub bytes: Vec<u8>,
    pub from: SocketAddr,
    pub start: String,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Msg {
    /// Reads a datagram; `None` for one that is no SIP message at all.
    pub fn read(bytes: &[u8], from: SocketAddr) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let start = lines.next()?.to_owned();
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in lines {
            if line.starts_with([' ', '\t']) {
                let (_, value) = headers.last_mut()?;
                value.push(' ');
                value.push_str(line.trim());
            } else {
                let (name, value) = line.split_once(':')?;
                headers.push((long_name(name.trim()), value.trim().to_owned()));
            }
        }
        Some(Self {
            bytes: bytes.to_vec(),
            from,
            start,
            headers,
            body: bytes[end + 4..].to_vec(),
        })
    }

    pub fn is_request(&self) -> bool {
        !self.start.starts_with("SIP/2.0")
    }

    /// The method of a request; of a response, the method that it answers.
    pub fn method(&self) -> &str {
        if self.is_request() {
            self.start.split(' ').next().unwrap_or("")
        } else {
            self.header("CSeq")
                .and_then(|cseq| cseq.split_whitespace().nth(1))
                .unwrap_or("")
        }
    }

    /// 0 for a request.
    pub fn status(&self) -> u16 {
        if self.is_request() {
            return 0;
        }
        let code = self.start.split(' ').nth(1);
        code.and_then(|code| code.parse().ok()).unwrap_or(0)
    }

    pub fn uri(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or("")
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self
            .headers
            .iter()
            .find(|(label, _)| label.eq_ignore_ascii_case(name))?;
        Some(value)
    }

    /// The lines of one name, in order.
    pub fn lines<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(label, _)| label.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The values of one name: lines split at commas outside of <> and quotes.
    pub fn values(&self, name: &str) -> Vec<String> {
        self.lines(name).flat_map(split_commas).collect()
    }

    pub fn call_id(&self) -> &str {
        self.header("Call-ID").unwrap_or("")
    }

    pub fn cseq(&self) -> u32 {
        let number = self
            .header("CSeq")
            .and_then(|cseq| cseq.split_whitespace().next());
        number.and_then(|number| number.parse().ok()).unwrap_or(0)
    }

    pub fn tag_of_from(&self) -> Option<&str> {
        self.header("From").and_then(tag)
    }

    pub fn tag_of_to(&self) -> Option<&str> {
        self.header("To").and_then(tag)
    }

    pub fn branch(&self) -> Option<String> {
        let via = self.values("Via").into_iter().next()?;
        param(&via, "branch").map(str::to_owned)
    }

    /// The URI in the first Contact.
    pub fn contact(&self) -> Option<String> {
        Some(uri_of(&self.values("Contact").into_iter().next()?).to_owned())
    }
}

/// The URI of a name-addr or addr-spec.
pub fn uri_of(value: &str) -> &str {
    match value.split_once('<') {
        Some((_, rest)) => rest.split('>').next().unwrap_or(rest),
        None => value.split(';').next().unwrap_or(value),
    }
}

/// The user part of a URI.
pub fn user_of(uri: &str) -> &str {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    rest.split_once('@').map_or("", |(user, _)| user)
}

/// Where a numeric URI points.
#[track_caller]
pub fn address_of(uri: &str) -> SocketAddr {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    let host = rest.split_once('@').map_or(rest, |(_, host)| host);
    let host = host.split([';', '?']).next().unwrap_or(host);
    let with_port = if host.contains(':') {
        host.to_owned()
    } else {
        format!("{host}:5060")
    };
    with_port
        .parse()
        .unwrap_or_else(|_| panic!("no numeric address in {uri}"))
}

fn tag(value: &str) -> Option<&str> {
    let after = value.rsplit_once('>').map_or(value, |(_, after)| after);
    param(after, "tag")
}

fn param<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    value.split(';').skip(1).find_map(|part| {
        let (key, value) = part.split_once('=')?;
        key.trim()
            .eq_ignore_ascii_case(name)
            .then_some(value.trim())
    })
}

fn split_commas(line: &str) -> Vec<String> {
    let (mut values, mut value) = (Vec::new(), String::new());
    let (mut angle, mut quote) = (false, false);
    for c in line.chars() {
        match c {
            '"' => quote = !quote,
            '<' if !quote => angle = true,
            '>' if !quote => angle = false,
            _ => {}
        }
        if c == ',' && !angle && !quote {
            values.push(std::mem::take(&mut value).trim().to_owned());
        } else {
            value.push(c);
        }
    }
    values.push(value.trim().to_owned());
    values
}

fn long_name(name: &str) -> String {
    let long = match name.to_ascii_lowercase().as_str() {
        "v" => "Via",
        "f" => "From",
        "t" => "To",
        "i" => "Call-ID",
        "m" => "Contact",
        "l" => "Content-Length",
        "c" => "Content-Type",
        _ => name,
    };
    long.to_owned()
}

/// A response to `request`; `to_tag` is added where the request has none. `extra` are whole lines without CRLF.
pub fn response(
    request: &Msg,
    status: u16,
    to_tag: Option<&str>,
    extra: &[&str],
    body: &str,
) -> Vec<u8> {
    let mut out = format!("SIP/2.0 {status} {}\r\n", reason(status));
    for via in request.lines("Via") {
        out += &format!("Via: {via}\r\n");
    }
    for route in request.lines("Record-Route") {
        out += &format!("Record-Route: {route}\r\n");
    }
    out += &format!("From: {}\r\n", request.header("From").unwrap_or(""));
    out += &format!("To: {}", request.header("To").unwrap_or(""));
    if let (None, Some(tag)) = (request.tag_of_to(), to_tag) {
        out += &format!(";tag={tag}");
    }
    out += &format!("\r\nCall-ID: {}\r\n", request.call_id());
    out += &format!("CSeq: {}\r\n", request.header("CSeq").unwrap_or(""));
    for line in extra {
        out += line;
        out += "\r\n";
    }
    if !body.is_empty() {
        out += "Content-Type: application/sdp\r\n";
    }
    out += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
    out.into_bytes()
}

fn reason(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        183 => "Session Progress",
        200 => "OK",
        202 => "Accepted",
        401 => "Unauthorized",
        481 => "Call/Transaction Does Not Exist",
        486 => "Busy Here",
        487 => "Request Terminated",
        503 => "Service Unavailable",
        _ => "As Said",
    }
}

#[test]
fn a_message_is_read_with_folding_and_compact_names() {
    let from = "127.0.0.1:5060".parse().expect("address");
    let text = b"SIP/2.0 200 OK\r\nv: SIP/2.0/UDP a;branch=z1,\r\n SIP/2.0/UDP b;branch=z2\r\nt: <sip:x@y;tag=no>;tag=yes\r\nCSeq: 7 BYE\r\nm: \"a,b\" <sip:c@127.0.0.2:5062;lr>\r\n\r\nxy";
    let msg = Msg::read(text, from).expect("a message");
    assert_eq!(msg.values("Via").len(), 2);
    assert_eq!(msg.branch().as_deref(), Some("z1"));
    assert_eq!(msg.tag_of_to(), Some("yes"));
    assert_eq!((msg.status(), msg.method(), msg.cseq()), (200, "BYE", 7));
    assert_eq!(msg.contact().as_deref(), Some("sip:c@127.0.0.2:5062;lr"));
    assert_eq!(address_of("sip:c@127.0.0.2:5062;lr").port(), 5062);
    assert_eq!(user_of("sip:c@127.0.0.2"), "c");
    assert_eq!(msg.body, b"xy");
}
