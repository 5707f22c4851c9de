//! Just enough SIP for the simulated phones and PBXes.
//!
//! They are judges of what the balancer forwards, so they read messages with eyes of their own and
//! use nothing of [`crate::sip`]. They only ever meet what they and the balancer wrote.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

/// The port of a SIP URI that names none (RFC 3261 §19.1.2).
const DEFAULT_PORT: u16 = 5060;

/// A message, read.
#[derive(Debug)]
pub struct Text<'a> {
    first: &'a str,
    headers: Vec<(&'a str, &'a str)>,
}

impl<'a> Text<'a> {
    /// Reads a datagram; none for what is not SIP.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let head = text.split("\r\n\r\n").next()?;
        let mut lines = head.split("\r\n");
        let first = lines.next().filter(|line| line.contains("SIP/2.0"))?;
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim(), value.trim()))
            .collect();
        Some(Self { first, headers })
    }

    /// The method, for a request.
    pub fn method(&self) -> Option<&'a str> {
        let word = self.first.split(' ').next()?;
        (word != "SIP/2.0").then_some(word)
    }

    /// The status, for a response.
    pub fn status(&self) -> Option<u16> {
        let rest = self.first.strip_prefix("SIP/2.0 ")?;
        rest.split(' ').next()?.parse().ok()
    }

    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.lines(name).next()
    }

    /// The header lines of that name, whole, in order.
    pub fn lines(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let named = self
            .headers
            .iter()
            .filter(move |(own, _)| own.eq_ignore_ascii_case(name));
        named.map(|(_, value)| *value)
    }

    /// The values of all headers of that name, comma lists taken apart, in order.
    pub fn values(&self, name: &str) -> Vec<String> {
        self.lines(name)
            .flat_map(split_list)
            .map(str::to_owned)
            .collect()
    }

    /// The Call-ID, empty when there is none.
    pub fn call_id(&self) -> &'a str {
        self.header("Call-ID").unwrap_or_default()
    }

    /// The CSeq's number and method.
    pub fn cseq(&self) -> Option<(u32, &'a str)> {
        let (number, method) = self.header("CSeq")?.split_once(' ')?;
        Some((number.parse().ok()?, method.trim()))
    }

    /// The branch of the top Via.
    pub fn branch(&self) -> &'a str {
        self.header("Via")
            .and_then(|via| param(via, "branch"))
            .unwrap_or_default()
    }

    /// Whether To carries a tag, which makes a request one inside a dialog.
    pub fn has_to_tag(&self) -> bool {
        self.header("To")
            .is_some_and(|to| param(to, "tag").is_some())
    }
}

/// The value of a header parameter: `;name=value`, after the URI's brackets.
fn param<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let after_uri = value.rsplit_once('>').map_or(value, |(_, rest)| rest);
    after_uri.split(';').skip(1).find_map(|part| {
        let (own, value) = part.split_once('=').unwrap_or((part, ""));
        own.trim()
            .eq_ignore_ascii_case(name)
            .then_some(value.trim())
    })
}

/// Splits at the commas that stand outside `<…>`.
fn split_list(line: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0usize;
    let parts = line.split(move |c: char| {
        match c {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty())
}

/// The URI between `<` and `>`, or the whole when there are none.
pub fn bare_uri(value: &str) -> &str {
    let inside = value
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    inside.map_or_else(|| value.trim(), |(uri, _)| uri)
}

/// The address that a SIP URI with a numeric host names.
pub fn address_of(value: &str) -> Option<SocketAddr> {
    let uri = bare_uri(value);
    let rest = uri.strip_prefix("sip:")?;
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let host = host.split(';').next()?;
    let alone = || host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    host.parse()
        .ok()
        .or_else(|| Some(SocketAddr::new(alone()?, DEFAULT_PORT)))
}

/// A response to `request` with the headers that RFC 3261 §8.2.6.2 has it copy. `to_tag` is added
/// where the request's To has none; `extra` lines end in CRLF.
pub fn reply(request: &Text<'_>, status: u16, reason: &str, to_tag: &str, extra: &str) -> Vec<u8> {
    let mut out = format!("SIP/2.0 {status} {reason}\r\n");
    for via in request.lines("Via") {
        line(&mut out, "Via", via);
    }
    if (101..300).contains(&status) {
        for route in request.lines("Record-Route") {
            line(&mut out, "Record-Route", route);
        }
    }
    line(&mut out, "From", request.header("From").unwrap_or_default());
    let to = request.header("To").unwrap_or_default();
    if request.has_to_tag() || status == 100 {
        line(&mut out, "To", to);
    } else {
        line(&mut out, "To", &format!("{to};tag={to_tag}"));
    }
    line(&mut out, "Call-ID", request.call_id());
    line(&mut out, "CSeq", request.header("CSeq").unwrap_or_default());
    out.push_str(extra);
    out.push_str("Content-Length: 0\r\n\r\n");
    out.into_bytes()
}

/// One side's view of a dialog: enough to write requests inside it.
#[derive(Clone, Debug)]
pub struct Dialog {
    /// From, with our tag.
    pub local: String,
    /// To, with the other side's tag.
    pub remote: String,
    pub call_id: String,
    /// Where we are reached, as a Via's sent-by and a Contact.
    pub own: SocketAddr,
    /// The other side's Contact.
    pub target: String,
    /// Nearest hop first.
    pub routes: Vec<String>,
    pub cseq: u32,
}

impl Dialog {
    /// The next hop of a request in this dialog.
    pub fn next_hop(&self) -> Option<SocketAddr> {
        address_of(self.routes.first().unwrap_or(&self.target))
    }

    /// A request in this dialog, with the CSeq as it stands.
    pub fn request(&self, method: &str, branch: &str) -> Vec<u8> {
        let mut out = format!("{method} {} SIP/2.0\r\n", bare_uri(&self.target));
        line(
            &mut out,
            "Via",
            &format!("SIP/2.0/UDP {};branch={branch};rport", self.own),
        );
        for route in &self.routes {
            line(&mut out, "Route", route);
        }
        line(&mut out, "Max-Forwards", "70");
        line(&mut out, "From", &self.local);
        line(&mut out, "To", &self.remote);
        line(&mut out, "Call-ID", &self.call_id);
        line(&mut out, "CSeq", &format!("{} {method}", self.cseq));
        line(&mut out, "Contact", &format!("<sip:{}>", self.own));
        out.push_str("Content-Length: 0\r\n\r\n");
        out.into_bytes()
    }
}

fn line(out: &mut String, name: &str, value: &str) {
    // Writing to a String cannot fail.
    let _ = write!(out, "{name}: {value}\r\n");
}

#[cfg(test)]
mod tests {
    use super::{Text, address_of, reply, split_list};

    const INVITE: &str = "INVITE sip:1@127.0.0.1:5060 SIP/2.0\r\n\
        Via: SIP/2.0/UDP 127.0.0.1:7000;branch=z9hG4bK1;rport\r\n\
        Via: SIP/2.0/UDP 127.0.0.1:7001;branch=z9hG4bK2\r\n\
        Record-Route: <sip:a,b@127.0.0.1:5060;lr>, <sip:127.0.0.2;lr>\r\n\
        From: <sip:caller@127.0.0.1;tag=no>;tag=f\r\nTo: <sip:1@127.0.0.1>\r\n\
        Call-ID: x\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n";

    #[test]
    fn a_reply_copies_all_vias_and_tags_to_once() {
        let invite = Text::parse(INVITE.as_bytes()).unwrap();
        assert_eq!(
            (invite.method(), invite.branch(), invite.has_to_tag()),
            (Some("INVITE"), "z9hG4bK1", false)
        );
        let bytes = reply(&invite, 180, "Ringing", "t", "");
        let ringing = Text::parse(&bytes).unwrap();
        assert_eq!(ringing.status(), Some(180));
        assert_eq!(ringing.lines("Via").count(), 2);
        assert_eq!(ringing.header("To"), Some("<sip:1@127.0.0.1>;tag=t"));
        assert_eq!(
            ringing.values("Record-Route"),
            ["<sip:a,b@127.0.0.1:5060;lr>", "<sip:127.0.0.2;lr>"]
        );
        let again = reply(&ringing, 200, "OK", "other", "");
        assert_eq!(
            Text::parse(&again).unwrap().header("To"),
            Some("<sip:1@127.0.0.1>;tag=t")
        );
    }

    #[test]
    fn addresses_are_found_behind_users_and_before_parameters() {
        let at = |text: &str| address_of(text).map(|address| address.to_string());
        assert_eq!(
            at("<sip:c;k=1@127.0.0.1:5070;lr>").as_deref(),
            Some("127.0.0.1:5070")
        );
        assert_eq!(at("sip:127.0.0.2;lr").as_deref(), Some("127.0.0.2:5060"));
        assert_eq!(at("<sip:a@[::1]:5080>").as_deref(), Some("[::1]:5080"));
        assert_eq!(at("<tel:1>"), None);
    }

    #[test]
    fn commas_inside_brackets_part_nothing() {
        assert_eq!(
            split_list("<a,b>, <c>,").collect::<Vec<_>>(),
            ["<a,b>", "<c>"]
        );
    }
}
