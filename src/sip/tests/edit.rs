use super::{VIA, request};
use crate::sip::{Edits, HeaderName, Index, Message, Span, parse};

/// The text after the edits of `change`.
fn edited(text: &str, change: impl FnOnce(&mut Edits, &Message<'_>)) -> String {
    let mut index = Index::new();
    let message = parse(text.as_bytes(), &mut index).expect("well-formed");
    let mut edits = Edits::new();
    change(&mut edits, &message);
    let mut out = Vec::new();
    edits.apply(message.bytes(), &mut out);
    String::from_utf8(out).expect("text")
}

/// The top Via after a request came from `source`.
fn stamped(via: &str, source: &str) -> String {
    let source = source.parse().expect("an address");
    let out = edited(&request(via, ""), |edits, message| {
        edits.stamp_received(message, source)
    });
    let line = out.lines().nth(1).expect("the Via line");
    line.strip_prefix("Via: ").expect("its name").to_string()
}

#[test]
fn received_is_stamped_when_the_source_is_another_or_rport_is_asked() {
    for (via, source, expected) in [
        (
            "SIP/2.0/UDP 192.0.2.1:5070",
            "192.0.2.1:6000",
            "SIP/2.0/UDP 192.0.2.1:5070",
        ),
        (
            "SIP/2.0/UDP 192.0.2.1",
            "192.0.2.9:5060",
            "SIP/2.0/UDP 192.0.2.1;received=192.0.2.9",
        ),
        (
            "SIP/2.0/UDP a.example;x=y",
            "192.0.2.9:1",
            "SIP/2.0/UDP a.example;x=y;received=192.0.2.9",
        ),
        (
            "SIP/2.0/UDP 192.0.2.1;rport;branch=z9hG4bKx",
            "192.0.2.1:6000",
            "SIP/2.0/UDP 192.0.2.1;rport=6000;branch=z9hG4bKx;received=192.0.2.1",
        ),
        (
            "SIP/2.0/UDP [2001:db8::1];branch=b;RPORT",
            "[2001:db8::2]:6000",
            "SIP/2.0/UDP [2001:db8::1];branch=b;rport=6000;received=2001:db8::2",
        ),
        (
            "SIP/2.0/UDP [2001:db8::1]",
            "[2001:db8::1]:6000",
            "SIP/2.0/UDP [2001:db8::1]",
        ),
        (
            "SIP/2.0/UDP 192.0.2.1",
            "[::ffff:192.0.2.1]:6000",
            "SIP/2.0/UDP 192.0.2.1",
        ),
    ] {
        assert_eq!(stamped(via, source), expected);
    }
}

#[test]
fn what_a_sender_says_of_its_own_source_is_written_over() {
    assert_eq!(
        stamped(
            "SIP/2.0/UDP h;received=198.51.100.1;rport=9;branch=b",
            "192.0.2.9:6000"
        ),
        "SIP/2.0/UDP h;received=192.0.2.9;rport=6000;branch=b"
    );
    assert_eq!(
        stamped("SIP/2.0/UDP h;rport = , SIP/2.0/UDP i", "192.0.2.9:6000"),
        "SIP/2.0/UDP h;rport=6000;received=192.0.2.9 , SIP/2.0/UDP i"
    );
    assert_eq!(
        stamped(
            "SIP/2.0/UDP h;rport=9;a;received=198.51.100.1, SIP/2.0/UDP i",
            "192.0.2.9:6000"
        ),
        "SIP/2.0/UDP h;rport=6000;a;received=192.0.2.9, SIP/2.0/UDP i"
    );
}

#[test]
fn the_top_via_leaves_with_its_line_or_out_of_it() {
    let two_lines = request(&format!("{VIA}\r\nv: SIP/2.0/UDP b"), "");
    let out = edited(&two_lines, Edits::pop_via);
    assert_eq!(
        out,
        request("", "").replace("Via: \r\n", "v: SIP/2.0/UDP b\r\n")
    );
    let one_line = request(&format!("{VIA} ,\r\n SIP/2.0/UDP b"), "");
    assert_eq!(
        edited(&one_line, Edits::pop_via),
        request("SIP/2.0/UDP b", "")
    );
}

#[test]
fn max_forwards_is_replaced_or_written_below_the_vias() {
    for (value, digits) in [(0, "0"), (9, "9"), (10, "10"), (69, "69"), (255, "255")] {
        let out = edited(&request(VIA, ""), |edits, m| {
            edits.set_max_forwards(m, value)
        });
        assert_eq!(out, request(VIA, "").replace("70", digits));
    }
    let without = request(VIA, "").replace("Max-Forwards: 70\r\n", "");
    let out = edited(&without, |edits, m| edits.set_max_forwards(m, 70));
    assert_eq!(out, request(VIA, ""));
}

#[test]
fn route_headers_are_written_before_the_first_and_after_the_last() {
    let text = request(
        VIA,
        "Route: <sip:a>\r\nX: y\r\nroute: <sip:b>,\r\n <sip:c>\r\n",
    );
    let out = edited(&text, |edits, m| {
        edits.prepend_header(m, HeaderName::Route, b"Route: <sip:0>\r\n");
        edits.append_value_last(m, HeaderName::Route, b"<sip:d>");
    });
    let lines = "Route: <sip:0>\r\nRoute: <sip:a>\r\nX: y\r\nroute: <sip:b>,\r\n <sip:c>\r\n\
                 Route: <sip:d>\r\n";
    assert_eq!(out, request(VIA, lines));

    let out = edited(&request(VIA, ""), |edits, m| {
        edits.prepend_header(m, HeaderName::RecordRoute, b"Record-Route: <sip:0>\r\n");
        edits.append_value_last(m, HeaderName::Route, b"<sip:d>");
    });
    let via = format!("{VIA}\r\nRecord-Route: <sip:0>\r\nRoute: <sip:d>");
    assert_eq!(out, request(&via, ""));
}

#[test]
fn a_strict_router_s_turn_of_the_route_set_is_one_edit() {
    let text = request(VIA, "Route: <sip:strict>, <sip:next;lr>\r\n");
    let out = edited(&text, |edits, message| {
        let first = message
            .values(HeaderName::Route)
            .next()
            .expect("there are two");
        edits.set_request_uri(message, b"sip:strict");
        edits.remove_value(message, &first);
        edits.append_value_last(message, HeaderName::Route, b"<sip:bob@pbx.example>");
    });
    let route = "Route: <sip:next;lr>\r\nRoute: <sip:bob@pbx.example>\r\n";
    let expected = request(VIA, route).replace("INVITE sip:bob@pbx.example", "INVITE sip:strict");
    assert_eq!(out, expected);
}

#[test]
fn splices_at_one_place_keep_the_order_of_the_calls_and_overlaps_are_left_out_once() {
    let out = edited(&request(VIA, ""), |edits, _| {
        edits.replace(Span { start: 3, end: 6 }, b"<");
        edits.insert(0, b"1");
        edits.insert(0, b"2");
        edits.remove(Span { start: 4, end: 7 });
    });
    assert!(out.starts_with("12INV<sip:bob"), "{out}");
}
