//! The messages of a sequence, chosen by bytes.

use crate::text::Text;

/// Those who call: two phones and two of the peers.
pub const CALLERS: [&str; 4] = [
    "127.0.0.1:5071",
    "127.0.1.1:5071",
    "127.0.0.11:5060",
    "127.0.0.12:5060",
];

/// Whence anything may come: the callers, all peers, we ourselves, and nobody we know.
pub const SOURCES: [&str; 9] = [
    "127.0.0.1:5071",
    "127.0.1.1:5071",
    "127.0.0.11:5060",
    "127.0.0.12:5060",
    "127.0.0.13:5060",
    "127.0.0.14:5060",
    "127.0.0.9:5060",
    "127.0.0.66:5060",
    "203.0.113.9:5060",
];

pub const TARGETS: [&str; 8] = [
    "sip:100@127.0.0.9",
    "sip:100@127.0.0.9",
    "sip:100@127.0.0.9",
    "sip:100@127.0.0.9",
    "sip:100@127.0.0.66",
    "sip:100@carrier.example",
    "sip:200@127.0.1.9;transport=udp",
    "tel:+100",
];

const STATUSES: [&str; 30] = [
    "180 Ringing",
    "180 Ringing",
    "200 OK",
    "200 OK",
    "200 OK",
    "200 OK",
    "100 Trying",
    "100 Trying",
    "180 Ringing",
    "180 Ringing",
    "183 Session Progress",
    "200 OK",
    "200 OK",
    "200 OK",
    "200 OK",
    "202 Accepted",
    "302 Moved Temporarily",
    "401 Unauthorized",
    "407 Proxy Authentication Required",
    "408 Request Timeout",
    "481 Call/Transaction Does Not Exist",
    "486 Busy Here",
    "487 Request Terminated",
    "487 Request Terminated",
    "491 Request Pending",
    "500 Server Internal Error",
    "503 Service Unavailable",
    "503 Service Unavailable",
    "603 Decline",
    "606 Not Acceptable",
];

const METHODS: [&str; 10] = [
    "BYE", "BYE", "BYE", "INVITE", "UPDATE", "INFO", "PRACK", "REFER", "NOTIFY", "ACK",
];

const OUTSIDE: [&str; 6] = [
    "REGISTER",
    "MESSAGE",
    "SUBSCRIBE",
    "OPTIONS",
    "INVITE",
    "FROBNICATE",
];

pub fn of<T: Copy>(table: &[T], byte: u8) -> T {
    table[usize::from(byte) % table.len()]
}

/// A request that begins something: `shape` says what it is, `number` makes it another.
pub fn opening(method: &str, from: &str, [shape, target, number]: [u8; 3]) -> Text {
    let uri = of(&TARGETS, target);
    let route = match shape % 16 {
        0 => "Route: <sip:127.0.0.9;lr>\r\n",
        1 => "Route: <sip:127.0.0.9;lr>, <sip:127.0.0.66;lr>\r\n",
        2 => "Route: <sip:strict@127.0.0.66>\r\n",
        3 => "Proxy-Require: nothing\r\n",
        _ => "",
    };
    let body = "v=0\r\n";
    Text(format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{method}{number};rport\r\nMax-Forwards: {}\r\n{route}From: <sip:a@127.0.0.1>;tag=t{}\r\nTo: <sip:100@127.0.0.9>\r\nCall-ID: c{number}\r\nCSeq: 1 {method}\r\nContact: <sip:a@{from}>\r\nContent-Length: {}\r\n\r\n{body}",
        shape.saturating_add(60),
        number % 3,
        body.len(),
    ))
}

pub fn outside(from: &str, choice: u8, bytes: [u8; 3]) -> Text {
    opening(of(&OUTSIDE, choice), from, bytes)
}

/// A response to `request` by whoever sits at `at`.
pub fn answer(request: &Text, at: &str, [status, tag, extra]: [u8; 3]) -> String {
    let host = match extra % 8 {
        0 => "callee.example",
        _ => at,
    };
    let mut lines = format!("Contact: <sip:100@{host}>\r\n");
    match extra / 8 % 8 {
        0 => lines += "Session-Expires: 90;refresher=uac\r\n",
        1 => lines += "Retry-After: 7\r\n",
        2 => lines += "WWW-Authenticate: Digest realm=\"x\"\r\n",
        3 => lines += "Record-Route: <sip:127.0.0.66;lr>\r\n",
        _ => {}
    }
    let tag = format!("tag{}", tag % 3);
    request.response(of(&STATUSES, status), &tag, &lines)
}

/// A request of the caller's within the dialog of a response that it got.
pub fn onward(response: &Text, from: &str, [method, cseq, number]: [u8; 3]) -> String {
    let method = of(&METHODS, method);
    let via = format!("{from};branch=z9hG4bKn{number}{method}{cseq}");
    response.next(method, u32::from(cseq % 4) + 1, &via)
}

/// A request of the callee's within the dialog of a request that it got.
pub fn backward(request: &Text, at: &str, [method, cseq, tag]: [u8; 3]) -> String {
    let method = of(&METHODS, method);
    let via = format!("{at};branch=z9hG4bKb{tag}{method}{cseq}");
    let tag = format!("tag{}", tag % 3);
    request.back(method, u32::from(cseq % 4) + 1, &via, &tag)
}

/// Our own request come round: another proxy has put its Via on it.
pub fn looped(request: &Text, [number, uri, _]: [u8; 3]) -> String {
    let via = format!("Via: SIP/2.0/UDP 127.0.0.66:5060;branch=z9hG4bKloop{number}\r\nVia:");
    let text = request.0.replacen("Via:", &via, 1);
    match uri % 3 {
        0 => text,
        _ => text.replacen("sip:100@", &format!("sip:3{}@", uri % 5), 1),
    }
}

/// Another message by a few bytes.
pub fn mutated(bytes: &[u8], [how, place, what]: [u8; 3]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    if out.is_empty() {
        return out;
    }
    let at = usize::from(place) * out.len() / 256;
    match how % 5 {
        0 => out[at] = what,
        1 => out.truncate(at),
        2 => out.insert(at, what),
        3 => {
            out.drain(at..(at + usize::from(what % 32)).min(out.len()));
        }
        _ => {
            let end = (at + usize::from(what)).min(out.len());
            let again = out[at..end].to_vec();
            out.splice(at..at, again);
        }
    }
    out
}
