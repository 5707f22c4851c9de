//! The work of one hop (RFC 3261 §16.6), with each library.

use std::net::SocketAddr;

use rsip::prelude::*;
use tandem::sip::{Edits, HeaderName, Index, parse};

const OUR_VIA: &str = "SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK9c1f0a77e1";
const OUR_RECORD_ROUTE: &str = "<sip:198.51.100.7;lr;c=AAAAAAAA>";
const TARGET: &str = "sip:10.0.0.11:5060";

/// An INVITE as a telephone sends it.
pub const INVITE: &[u8] = b"INVITE sip:+12025550123@198.51.100.7:5060 SIP/2.0\r\n\
Via: SIP/2.0/UDP 203.0.113.20:5062;branch=z9hG4bK-524287-1---0f3eb40b11f97a9c;rport\r\n\
Max-Forwards: 70\r\n\
Contact: <sip:alice@203.0.113.20:5062;transport=udp>\r\n\
To: <sip:+12025550123@198.51.100.7>\r\n\
From: \"Alice\" <sip:alice@198.51.100.7>;tag=5e00e125\r\n\
Call-ID: wSSsR1c-lUjKuRhxr0iEKA@203.0.113.20\r\n\
CSeq: 1 INVITE\r\n\
Allow: INVITE, ACK, CANCEL, BYE, NOTIFY, REFER, MESSAGE, OPTIONS, INFO, SUBSCRIBE\r\n\
Content-Type: application/sdp\r\n\
Supported: replaces, norefersub, timer\r\n\
Session-Expires: 1800\r\n\
User-Agent: Bench 1.0\r\n\
Content-Length: 198\r\n\
\r\n\
v=0\r\n\
o=alice 2890844526 2890844526 IN IP4 203.0.113.20\r\n\
s=call\r\n\
c=IN IP4 203.0.113.20\r\n\
t=0 0\r\n\
m=audio 49170 RTP/AVP 0 8 101\r\n\
a=rtpmap:0 PCMU/8000\r\n\
a=rtpmap:8 PCMA/8000\r\n\
a=fmtp:101 0-16\r\n\
a=sendrecv\r\n";

fn source() -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 99], 5062))
}

/// What a shard keeps and uses again for each message.
pub struct Ours {
    index: Index,
    edits: Edits,
    out: Vec<u8>,
}

impl Ours {
    pub fn new() -> Self {
        Self {
            index: Index::new(),
            edits: Edits::new(),
            out: Vec::with_capacity(66_000),
        }
    }

    /// Reads a request and writes the one that goes on.
    pub fn hop(&mut self, bytes: &[u8]) {
        let message = parse(bytes, &mut self.index).expect("it is well-formed");
        let forwards = message.max_forwards().unwrap_or(70) - 1;
        self.edits.clear();
        self.edits.set_request_uri(&message, TARGET.as_bytes());
        self.edits.push_via(&message, &[OUR_VIA.as_bytes()]);
        self.edits.stamp_received(&message, source());
        self.edits.set_max_forwards(&message, forwards);
        let line = b"Record-Route: <sip:198.51.100.7;lr;c=AAAAAAAA>\r\n";
        self.edits
            .prepend_header(&message, HeaderName::RecordRoute, line);
        self.out.clear();
        self.edits.apply(message.bytes(), &mut self.out);
    }

    /// The request that goes on.
    pub fn out(&self) -> &[u8] {
        &self.out
    }
}

/// The same with rsip: it reads typed headers where a value is needed, and leaves the others as they
/// are.
pub fn rsip_hop(bytes: &[u8]) -> Vec<u8> {
    let mut request = rsip::Request::try_from(bytes).expect("it is well-formed");
    let via = request
        .via_header()
        .expect("one")
        .typed()
        .expect("well-formed");
    let branch = via.branch().expect("one").to_string();
    let call_id = request.call_id_header().expect("one").value().to_string();
    let tag = request
        .from_header()
        .expect("one")
        .typed()
        .expect("well-formed");
    let cseq = request
        .cseq_header()
        .expect("one")
        .typed()
        .expect("well-formed");
    std::hint::black_box((branch, call_id, tag.tag().cloned(), cseq.seq));

    let forwards = request
        .max_forwards_header()
        .expect("one")
        .num()
        .expect("a number");
    *request.max_forwards_header_mut().expect("one") = (forwards - 1).into();
    request.uri = rsip::Uri::try_from(TARGET).expect("well-formed");
    let stamped = format!(
        "{};received={}",
        request.via_header().expect("one").value(),
        source().ip()
    )
    .replace(";rport", &format!(";rport={}", source().port()));
    *request.via_header_mut().expect("one") = stamped.into();
    let mut headers = Vec::with_capacity(16);
    headers.push(rsip::headers::Via::from(OUR_VIA).into());
    headers.push(rsip::headers::RecordRoute::from(OUR_RECORD_ROUTE).into());
    headers.extend(std::mem::take(&mut request.headers));
    request.headers = headers.into();
    request.into()
}

/// What a proxy must read of a route set with rsip.
pub fn rsip_route(bytes: &[u8]) -> usize {
    let request = rsip::Request::try_from(bytes).expect("it is well-formed");
    let route = request.route_header().expect("one");
    route
        .typed()
        .map(|route| route.to_string().len())
        .unwrap_or_default()
}

/// An INVITE with a Route header of about that many bytes.
pub fn long_route(size: usize) -> Vec<u8> {
    let one = "<sip:proxy.example.com;lr>";
    let routes = vec![one; size / (one.len() + 1)].join(",");
    format!(
        "INVITE sip:b@c.example SIP/2.0\r\nVia: SIP/2.0/UDP h.example;branch=z9hG4bK1\r\n\
         From: <sip:a@b.example>;tag=1\r\nTo: <sip:b@c.example>\r\nCall-ID: 1\r\n\
         CSeq: 1 INVITE\r\nMax-Forwards: 70\r\nRoute: {routes}\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}
