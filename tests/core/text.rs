//! Messages as text, read and written without the code under test.

/// A SIP message as lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(pub String);

impl Text {
    /// The start line.
    pub fn start(&self) -> &str {
        self.0.lines().next().unwrap_or_default()
    }

    /// The status of a response, the method of a request.
    pub fn kind(&self) -> &str {
        let mut words = self.start().split(' ');
        match words.next() {
            Some("SIP/2.0") => words.next().unwrap_or_default(),
            Some(method) => method,
            None => "",
        }
    }

    /// The values of a header, a line each.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let head = self.0.split("\r\n\r\n").next().unwrap_or_default();
        let named = |line: &&str| {
            line.split(':')
                .next()
                .is_some_and(|n| n.trim().eq_ignore_ascii_case(name))
        };
        head.lines()
            .skip(1)
            .filter(named)
            .map(|line| line.split_once(':').map_or("", |(_, v)| v.trim()))
            .collect()
    }

    /// The first value of a header; empty when there is none.
    pub fn first(&self, name: &str) -> &str {
        self.all(name).first().copied().unwrap_or_default()
    }

    /// The body.
    pub fn body(&self) -> &str {
        self.0.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }

    /// A response to this request: Via, Record-Route, From, To, Call-ID and CSeq copied.
    pub fn response(&self, status: &str, to_tag: &str, extra: &str) -> String {
        let mut out = format!("SIP/2.0 {status}\r\n");
        for name in ["Via", "Record-Route", "From"] {
            for value in self.all(name) {
                out += &format!("{name}: {value}\r\n");
            }
        }
        let to = self.first("To");
        let tag = if to.contains(";tag=") || to_tag.is_empty() {
            String::new()
        } else {
            format!(";tag={to_tag}")
        };
        out += &format!(
            "To: {to}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n",
            self.first("Call-ID"),
            self.first("CSeq")
        );
        out + extra + "Content-Length: 0\r\n\r\n"
    }

    /// The ACK of a caller for this response to `invite`: a new branch for a 2xx, the INVITE's for others.
    pub fn ack(&self, invite: &str) -> String {
        let invite = Text(invite.to_string());
        let good = self.kind().starts_with('2');
        let via = invite.first("Via").to_string();
        let via = if good { format!("{via}ack") } else { via };
        let uri = if good {
            self.contact()
        } else {
            invite.start().split(' ').nth(1).unwrap_or_default().into()
        };
        let routes = if good { self.routes() } else { String::new() };
        let cseq = invite.first("CSeq").replace("INVITE", "ACK");
        format!(
            "ACK {uri} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\n{routes}From: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq}\r\nContent-Length: 0\r\n\r\n",
            invite.first("From"),
            self.first("To"),
            invite.first("Call-ID"),
        )
    }

    /// A request of the caller's within the dialog that this 2xx made.
    pub fn next(&self, method: &str, cseq: u32, via: &str) -> String {
        format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP {via}\r\nMax-Forwards: 70\r\n{}From: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\nContent-Length: 0\r\n\r\n",
            self.contact(),
            self.routes(),
            self.first("From"),
            self.first("To"),
            self.first("Call-ID"),
        )
    }

    /// A request of the callee's within the dialog that `self`, the INVITE as the callee got it, made.
    pub fn back(&self, method: &str, cseq: u32, via: &str, callee_tag: &str) -> String {
        let routes: String = self
            .all("Record-Route")
            .iter()
            .map(|route| format!("Route: {route}\r\n"))
            .collect();
        format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP {via}\r\nMax-Forwards: 70\r\n{routes}From: {};tag={callee_tag}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\nContent-Length: 0\r\n\r\n",
            self.contact(),
            self.first("To"),
            self.first("From"),
            self.first("Call-ID"),
        )
    }

    fn contact(&self) -> String {
        self.first("Contact")
            .trim_start_matches('<')
            .trim_end_matches('>')
            .to_string()
    }

    fn routes(&self) -> String {
        self.all("Record-Route")
            .iter()
            .rev()
            .map(|route| format!("Route: {route}\r\n"))
            .collect()
    }
}

/// The caller of these tests.
pub const CALLER: &str = "127.0.0.1:5071";

/// An INVITE of the caller's.
pub fn invite(call_id: &str) -> String {
    format!(
        "INVITE sip:100@127.0.0.9 SIP/2.0\r\nVia: SIP/2.0/UDP {CALLER};branch=z9hG4bK-{call_id}\r\nMax-Forwards: 70\r\nFrom: \"A, B\" <sip:a@127.0.0.1>;tag=caller\r\nTo: <sip:100@127.0.0.9>\r\nCall-ID: {call_id}\r\nCSeq: 1 INVITE\r\nContact: <sip:a@{CALLER}>\r\nX-Odd:  kept  as it is \r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n"
    )
}

/// The CANCEL for [`invite`].
pub fn cancel(invite: &str) -> String {
    cancel_of(&Text(invite.to_string()))
}

/// The CANCEL for an INVITE.
pub fn cancel_of(invite: &Text) -> String {
    let uri = invite.start().split(' ').nth(1).unwrap_or_default();
    format!(
        "CANCEL {uri} SIP/2.0\r\nVia: {}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 1 CANCEL\r\nContent-Length: 0\r\n\r\n",
        invite.first("Via"),
        invite.first("From"),
        invite.first("To"),
        invite.first("Call-ID"),
    )
}
