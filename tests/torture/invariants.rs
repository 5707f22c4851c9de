//! What must hold for any bytes at all. The fuzz target checks the same.

use tandem::sip::{
    Edits, HeaderName, Index, Message, Method, NameAddr, Uri, Via, build, parse, parse_for_reject,
    sniff,
};

/// More headers than this, and what we add might make a message too many for the next parse.
const HEADERS_WITH_ROOM: usize = 120;
const BYTES_WITH_ROOM: usize = 60_000;

/// Panics when something does not hold. Gives whether the bytes are a message.
pub fn check(bytes: &[u8]) -> bool {
    let mut index = Index::new();
    match parse(bytes, &mut index) {
        Ok(message) => {
            assert_eq!(sniff(bytes), Some(message.call_id()));
            spans_tile(&message, bytes);
            values_are_ordered(&message);
            parts_can_be_read(&message);
            edits_touch_nothing_else(&message);
            if message.is_request() {
                answers_are_well_formed(&message);
            }
            true
        }
        Err(error) => {
            let mut index = Index::new();
            let view = parse_for_reject(bytes, &mut index);
            if let (Some((status, reason)), Some(view)) = (error.reject(), view) {
                let mut out = Vec::new();
                build::response(&view, source(), status, reason, None, &[], &mut out);
                assert!(out.starts_with(b"SIP/2.0 "));
            }
            sniff(bytes);
            false
        }
    }
}

fn source() -> std::net::SocketAddr {
    "[2001:db8::7]:5070".parse().expect("an address")
}

fn spans_tile(message: &Message<'_>, datagram: &[u8]) {
    let all = message.bytes();
    let skipped = datagram
        .iter()
        .take_while(|b| matches!(b, b'\r' | b'\n'))
        .count();
    assert!(datagram[skipped..].starts_with(all));
    let mut at = message.headers().next().expect("it has headers").line.start;
    assert!(all[..usize::from(at)].ends_with(b"\r\n"));
    for header in message.headers() {
        assert_eq!(header.line.start, at);
        assert!(header.line.contains(header.value_span));
        assert!(header.line.of(all).starts_with(header.label));
        assert!(header.line.of(all).ends_with(b"\r\n"));
        assert_eq!(header.value_span.of(all), header.value);
        at = header.line.end;
    }
    let head = usize::from(at) + 2;
    assert_eq!(&all[usize::from(at)..head], b"\r\n");
    assert_eq!(message.head(), &all[..head]);
    assert_eq!(message.body(), &all[head..]);
}

fn values_are_ordered(message: &Message<'_>) {
    for header in message.headers() {
        let mut at = 0;
        for value in message.values(header.name) {
            assert!(value.span.start >= at && !value.span.is_empty());
            assert!(value.line.contains(value.span));
            assert_eq!(value.span.of(message.bytes()), value.text);
            at = value.span.end;
        }
    }
    let first = message
        .values(HeaderName::Via)
        .next()
        .expect("it has a Via");
    assert_eq!(first.span, message.top_via().value);
    assert_eq!(
        Via::parse(first.text).map(|via| via.branch),
        Some(message.top_via().branch)
    );
}

fn parts_can_be_read(message: &Message<'_>) {
    for header in message.headers() {
        assert!(message.header_by_text(header.label).is_some());
        if let Some(address) = NameAddr::parse(header.value) {
            address.param(b"tag");
            if let Some(uri) = Uri::parse(address.uri) {
                uri.socket_addr();
            }
        }
        if let Some(via) = Via::parse(header.value) {
            via.response_destination();
        }
    }
    if message.is_request() {
        assert!(Uri::parse(message.uri()).is_some());
    }
}

/// What a hop adds can be taken away again, and the bytes are those that came.
fn edits_touch_nothing_else(message: &Message<'_>) {
    let mut edits = Edits::new();
    let mut same = Vec::new();
    edits.apply(message.bytes(), &mut same);
    assert_eq!(same, message.bytes());
    if message.headers().count() > HEADERS_WITH_ROOM || same.len() > BYTES_WITH_ROOM {
        return;
    }
    edits.push_via(message, &[b"SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKours"]);
    edits.prepend_header(
        message,
        HeaderName::Route,
        b"Route: <sip:198.51.100.7;lr>\r\n",
    );
    let mut forwarded = Vec::new();
    edits.apply(message.bytes(), &mut forwarded);

    let mut index = Index::new();
    let next = parse(&forwarded, &mut index).expect("a hop keeps a message well-formed");
    assert_eq!(next.via_count(), message.via_count() + 1);
    edits.clear();
    edits.pop_via(&next);
    let route = next.values(HeaderName::Route).next().expect("we wrote it");
    edits.remove_value(&next, &route);
    let mut back = Vec::new();
    edits.apply(next.bytes(), &mut back);
    assert_eq!(back, message.bytes());
}

fn answers_are_well_formed(message: &Message<'_>) {
    let room = message.headers().count() <= HEADERS_WITH_ROOM;
    if !room || message.bytes().len() > BYTES_WITH_ROOM {
        return;
    }
    let mut answer = Vec::new();
    build::response(
        message,
        source(),
        486,
        "Busy Here",
        Some(b"ours"),
        &[],
        &mut answer,
    );
    let mut index = Index::new();
    let response = parse(&answer, &mut index).expect("our answers are well-formed");
    assert_eq!(response.status(), 486);
    assert_eq!(response.call_id(), message.call_id());
    assert_eq!(response.via_count(), message.via_count());
    assert_eq!(response.to_tag(), message.to_tag().or(Some(b"ours")));
    assert_eq!(response.method_text(), message.method_text());
    for (wanted, method) in [("ACK", Method::Ack), ("CANCEL", Method::Cancel)] {
        let mut derived = Vec::new();
        match method {
            Method::Ack => build::ack_for(message, &response, &mut derived),
            _ => build::cancel_for(message, &mut derived),
        }
        let mut index = Index::new();
        let derived = parse(&derived, &mut index).expect("our requests are well-formed");
        assert_eq!(
            (derived.method(), derived.via_count()),
            (method, 1),
            "{wanted}"
        );
        assert_eq!(derived.cseq(), message.cseq());
    }
}
