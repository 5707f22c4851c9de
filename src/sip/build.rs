//! Whole messages, written into a buffer.

use std::io::Write as _;
use std::net::SocketAddr;

use super::stamp::stamps;
use super::{Header, HeaderName, Message, Span};

/// Appends the response to a request (RFC 3261 §8.2.6): Vias with `received` and `rport` filled from
/// `source`, From, To, Call-ID, CSeq, on a 100 also Timestamp, then `extra`, no body. `to_tag` is
/// added to To unless it has one or the status is 100.
pub fn response(
    request: &Message<'_>,
    source: SocketAddr,
    status: u16,
    reason: &str,
    to_tag: Option<&[u8]>,
    extra: &[(&str, &str)],
    out: &mut Vec<u8>,
) {
    line(out, format_args!("SIP/2.0 {status} {reason}"));
    let mut top = true;
    for header in request.headers() {
        let name = header.name;
        if name == HeaderName::Via && top {
            top = false;
            stamped_via(request, &header, source, out);
        } else if name == HeaderName::To && header.value_span == request.span_of_to() {
            let tag = to_tag.filter(|_| status != 100 && request.to_tag().is_none());
            tagged_to(request, &header, tag, out);
        } else if name == HeaderName::Via || is_copied(name, status) && is_first(request, &header) {
            copy(request, &header, out);
        }
    }
    for (name, value) in extra {
        line(out, format_args!("{name}: {value}"));
    }
    out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
}

/// Appends the ACK for a non-2xx final response (RFC 3261 §17.1.1.3). `invite` is the INVITE as it was
/// sent, with our Via on top.
pub fn ack_for(invite: &Message<'_>, response: &Message<'_>, out: &mut Vec<u8>) {
    derived(invite, "ACK", response.to(), out);
}

/// Appends the CANCEL for an INVITE as it was sent (RFC 3261 §9.1).
pub fn cancel_for(invite: &Message<'_>, out: &mut Vec<u8>) {
    derived(invite, "CANCEL", invite.to(), out);
}

/// A request on the hop of the INVITE alone: its Request-URI, top Via, Route, From, Call-ID and CSeq
/// number.
fn derived(invite: &Message<'_>, method: &str, to: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(method.as_bytes());
    out.push(b' ');
    out.extend_from_slice(invite.uri());
    out.extend_from_slice(b" SIP/2.0\r\n");
    field(out, "Via", invite.top_via().value.of(invite.bytes()));
    line(out, format_args!("Max-Forwards: 70"));
    for header in invite.headers().filter(|h| h.name == HeaderName::Route) {
        copy(invite, &header, out);
    }
    field(out, "From", invite.from());
    field(out, "To", to);
    field(out, "Call-ID", invite.call_id());
    line(out, format_args!("CSeq: {} {method}", invite.cseq()));
    out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
}

fn is_copied(name: HeaderName, status: u16) -> bool {
    let always = [HeaderName::From, HeaderName::CallId, HeaderName::CSeq];
    always.contains(&name) || (name == HeaderName::Timestamp && status == 100)
}

/// Of a request that is refused for repeating a field, the first one is copied.
fn is_first(request: &Message<'_>, header: &Header<'_>) -> bool {
    request.headers().find(|h| h.name == header.name) == Some(*header)
}

fn stamped_via(request: &Message<'_>, header: &Header<'_>, source: SocketAddr, out: &mut Vec<u8>) {
    let bytes = request.bytes();
    let mut at = usize::from(header.line.start);
    for stamp in stamps(request.top_via(), source).into_iter().flatten() {
        let start = usize::from(stamp.span.start);
        out.extend_from_slice(bytes.get(at..start).unwrap_or(&[]));
        out.extend_from_slice(stamp.text());
        at = usize::from(stamp.span.end);
    }
    out.extend_from_slice(bytes.get(at..usize::from(header.line.end)).unwrap_or(&[]));
}

fn tagged_to(request: &Message<'_>, header: &Header<'_>, tag: Option<&[u8]>, out: &mut Vec<u8>) {
    let Some(tag) = tag else {
        return copy(request, header, out);
    };
    let upto_tag = Span {
        start: header.line.start,
        end: header.value_span.end,
    };
    out.extend_from_slice(upto_tag.of(request.bytes()));
    out.extend_from_slice(b";tag=");
    out.extend_from_slice(tag);
    out.extend_from_slice(b"\r\n");
}

fn copy(message: &Message<'_>, header: &Header<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(header.line.of(message.bytes()));
}

fn field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn line(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    let written = out.write_fmt(text);
    debug_assert!(written.is_ok(), "writing to a Vec cannot fail");
    out.extend_from_slice(b"\r\n");
}

/// The reason phrase that goes with a status (RFC 3261 §21 and its extensions).
pub fn reason_phrase(status: u16) -> &'static str {
    PHRASES
        .binary_search_by_key(&status, |(code, _)| *code)
        .map_or_else(|_| class_phrase(status), |found| PHRASES[found].1)
}

fn class_phrase(status: u16) -> &'static str {
    match status {
        0..200 => "Session Progress",
        200..300 => "OK",
        300..400 => "Multiple Choices",
        400..500 => "Bad Request",
        500..600 => "Server Internal Error",
        600.. => "Decline",
    }
}

const PHRASES: [(u16, &str); 60] = [
    (100, "Trying"),
    (180, "Ringing"),
    (181, "Call Is Being Forwarded"),
    (182, "Queued"),
    (183, "Session Progress"),
    (199, "Early Dialog Terminated"),
    (200, "OK"),
    (202, "Accepted"),
    (204, "No Notification"),
    (300, "Multiple Choices"),
    (301, "Moved Permanently"),
    (302, "Moved Temporarily"),
    (305, "Use Proxy"),
    (380, "Alternative Service"),
    (400, "Bad Request"),
    (401, "Unauthorized"),
    (402, "Payment Required"),
    (403, "Forbidden"),
    (404, "Not Found"),
    (405, "Method Not Allowed"),
    (406, "Not Acceptable"),
    (407, "Proxy Authentication Required"),
    (408, "Request Timeout"),
    (410, "Gone"),
    (412, "Conditional Request Failed"),
    (413, "Request Entity Too Large"),
    (414, "Request-URI Too Long"),
    (415, "Unsupported Media Type"),
    (416, "Unsupported URI Scheme"),
    (420, "Bad Extension"),
    (421, "Extension Required"),
    (422, "Session Interval Too Small"),
    (423, "Interval Too Brief"),
    (433, "Anonymity Disallowed"),
    (439, "First Hop Lacks Outbound Support"),
    (440, "Max-Breadth Exceeded"),
    (480, "Temporarily Unavailable"),
    (481, "Call/Transaction Does Not Exist"),
    (482, "Loop Detected"),
    (483, "Too Many Hops"),
    (484, "Address Incomplete"),
    (485, "Ambiguous"),
    (486, "Busy Here"),
    (487, "Request Terminated"),
    (488, "Not Acceptable Here"),
    (489, "Bad Event"),
    (491, "Request Pending"),
    (493, "Undecipherable"),
    (494, "Security Agreement Required"),
    (500, "Server Internal Error"),
    (501, "Not Implemented"),
    (502, "Bad Gateway"),
    (503, "Service Unavailable"),
    (504, "Server Time-out"),
    (505, "Version Not Supported"),
    (513, "Message Too Large"),
    (600, "Busy Everywhere"),
    (603, "Decline"),
    (606, "Not Acceptable"),
    (607, "Unwanted"),
];
