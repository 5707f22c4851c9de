//! The request that asks a peer whether it is alive (RFC 3261 §11).

use super::chars::is_token;
use super::{Index, Uri, parse};

const BRANCH: &str = "z9hG4bK-branch-";
const TAG: &str = "-from-tag-";
const CALL_ID: &str = "-call-id-";
const SEQUENCE: &str = "2147480047";

/// A probe with its changing parts left open: built once a peer, written as often as it is due.
#[derive(Clone, Debug)]
pub struct ProbeTemplate {
    /// The texts before, between and behind branch, From tag, Call-ID and CSeq number.
    texts: [Box<[u8]>; 5],
}

/// Builds the probe of one peer. `method` is mostly `OPTIONS`; `uri` the peer's; `transport` and
/// `sent_by` (`host:port`) what our Via says. `None` when the result would not be SIP.
pub fn options_probe(
    method: &str,
    uri: &str,
    transport: &str,
    sent_by: &str,
) -> Option<ProbeTemplate> {
    Uri::parse(uri.as_bytes())?;
    if !is_token(method.as_bytes()) {
        return None;
    }
    // rsip knows neither every method nor IPv6, so the request line and CSeq are written over here.
    let request = skeleton(uri, transport, sent_by, method).to_string();
    let (_, headers) = request.split_once("\r\n")?;
    let text = format!("{method} {uri} SIP/2.0\r\n{headers}");
    parse(text.as_bytes(), &mut Index::new()).ok()?;

    let mut rest = text.as_str();
    let mut texts = Vec::with_capacity(5);
    for hole in [BRANCH, TAG, CALL_ID, SEQUENCE] {
        let (before, behind) = rest.split_once(hole)?;
        texts.push(before.as_bytes().into());
        rest = behind;
    }
    texts.push(rest.as_bytes().into());
    Some(ProbeTemplate {
        texts: texts.try_into().ok()?,
    })
}

fn skeleton(uri: &str, transport: &str, sent_by: &str, method: &str) -> rsip::Request {
    use rsip::headers;
    let via = format!("SIP/2.0/{transport} {sent_by};branch={BRANCH};rport");
    let mut fields = rsip::Headers::default();
    fields.push(headers::Via::from(via).into());
    fields.push(headers::MaxForwards::from(70).into());
    fields.push(headers::From::from(format!("<sip:probe@{sent_by}>;tag={TAG}")).into());
    fields.push(headers::To::from(format!("<{uri}>")).into());
    fields.push(headers::CallId::from(CALL_ID.to_string()).into());
    fields.push(headers::CSeq::from(format!("{SEQUENCE} {method}")).into());
    fields.push(headers::Contact::from(format!("<sip:{sent_by}>")).into());
    fields.push(headers::Accept::from("application/sdp".to_string()).into());
    fields.push(headers::ContentLength::from(0).into());
    rsip::Request {
        method: rsip::Method::Options,
        uri: rsip::Uri::default(),
        version: rsip::Version::V2,
        headers: fields,
        body: Vec::new(),
    }
}

impl ProbeTemplate {
    /// Appends one probe.
    pub fn write(
        &self,
        branch: &[u8],
        from_tag: &[u8],
        call_id: &[u8],
        sequence: u32,
        out: &mut Vec<u8>,
    ) {
        let mut digits = [0; 10];
        let sequence = decimal(sequence, &mut digits);
        let [first, rest @ ..] = &self.texts;
        out.extend_from_slice(first);
        for (part, text) in [branch, from_tag, call_id, sequence].into_iter().zip(rest) {
            out.extend_from_slice(part);
            out.extend_from_slice(text);
        }
    }
}

fn decimal(mut value: u32, digits: &mut [u8; 10]) -> &[u8] {
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            return &digits[start..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Method;

    #[test]
    fn a_probe_is_a_request_with_the_parts_filled_in() {
        let probe = options_probe(
            "OPTIONS",
            "sip:[::1]:5070;transport=udp",
            "UDP",
            "[::1]:5060",
        )
        .expect("these make a request");
        let mut out = Vec::new();
        probe.write(b"z9hG4bKx", b"t1", b"c1@node", 17, &mut out);
        assert_eq!(
            String::from_utf8(out).expect("text"),
            "OPTIONS sip:[::1]:5070;transport=udp SIP/2.0\r\n\
             Via: SIP/2.0/UDP [::1]:5060;branch=z9hG4bKx;rport\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:probe@[::1]:5060>;tag=t1\r\n\
             To: <sip:[::1]:5070;transport=udp>\r\n\
             Call-ID: c1@node\r\n\
             CSeq: 17 OPTIONS\r\n\
             Contact: <sip:[::1]:5060>\r\n\
             Accept: application/sdp\r\n\
             Content-Length: 0\r\n\r\n"
        );
    }

    #[test]
    fn a_probe_may_use_a_method_that_is_not_in_any_list() {
        let probe = options_probe("PING", "sip:a.example", "UDP", "b.example").expect("legal");
        let mut out = Vec::new();
        probe.write(b"z9hG4bKx", b"t", b"c", 1, &mut out);
        let mut index = Index::new();
        let message = parse(&out, &mut index).expect("a request");
        assert_eq!(message.method(), Method::Other);
        assert_eq!(message.method_text(), b"PING");
    }

    #[test]
    fn what_would_not_be_sip_makes_no_probe() {
        assert!(options_probe("OPTIONS", "pbx-a", "UDP", "b.example").is_none());
        assert!(options_probe("OPT IONS", "sip:a.example", "UDP", "b.example").is_none());
        assert!(options_probe("OPTIONS", "sip:a.example", "UDP", "b\r\n.example").is_none());
    }
}
