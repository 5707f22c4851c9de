//! Every message against its row: taken or refused, and what a hop makes of it.

use std::net::SocketAddr;

use tandem::sip::{Edits, HeaderName, Index, Message, build, parse, parse_for_reject, sniff};

use crate::cases::{REFUSED, REQUESTS, RESPONSES, Taken};
use crate::wire::{names, wire};

const OUR_VIA: &str = "SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKourhop";
const RECORD_ROUTE: &str = "Record-Route: <sip:198.51.100.7;lr>\r\n";

fn source() -> SocketAddr {
    "203.0.113.99:5070".parse().expect("an address")
}

#[test]
fn every_message_of_both_rfcs_has_a_row() {
    for rfc in ["rfc4475", "rfc5118"] {
        let taken = REQUESTS
            .iter()
            .chain(RESPONSES)
            .map(|case| (case.rfc, case.name));
        let refused = REFUSED.iter().map(|case| (case.rfc, case.name));
        let mut rows: Vec<&str> = taken
            .chain(refused)
            .filter_map(|(of, name)| (of == rfc).then_some(name))
            .collect();
        rows.sort_unstable();
        assert_eq!(rows, names(rfc));
    }
    assert_eq!(names("rfc4475").len(), 49);
}

#[test]
fn what_is_well_formed_is_taken_and_tiles_its_head() {
    for case in REQUESTS.iter().chain(RESPONSES) {
        let bytes = wire(case.rfc, case.name);
        let mut index = Index::new();
        let message =
            parse(&bytes, &mut index).unwrap_or_else(|error| panic!("{}: {error:?}", case.name));
        assert!(bytes.starts_with(message.bytes()), "{}", case.name);
        let mut tiled = start_line(&message).to_vec();
        for header in message.headers() {
            assert_eq!(usize::from(header.line.start), tiled.len(), "{}", case.name);
            tiled.extend_from_slice(header.line.of(message.bytes()));
        }
        tiled.extend_from_slice(b"\r\n");
        assert_eq!(tiled, message.head(), "{}", case.name);
        tiled.extend_from_slice(message.body());
        assert_eq!(tiled, message.bytes(), "{}", case.name);
        if let Some(length) = message.content_length() {
            assert_eq!(message.body().len(), length as usize, "{}", case.name);
        }
        assert_eq!(sniff(&bytes), Some(message.call_id()), "{}", case.name);
    }
}

fn start_line<'a>(message: &Message<'a>) -> &'a [u8] {
    let end = message.headers().next().expect("it has headers").line.start;
    &message.bytes()[..usize::from(end)]
}

#[test]
fn a_forwarded_request_differs_in_the_lines_of_the_hop_alone() {
    for case in REQUESTS {
        let bytes = wire(case.rfc, case.name);
        let mut index = Index::new();
        let message = parse(&bytes, &mut index).expect("a row of what is taken");
        let forwards = message
            .max_forwards()
            .map_or(70, |hops| hops.saturating_sub(1));

        let mut edits = Edits::new();
        edits.prepend_header(&message, HeaderName::RecordRoute, RECORD_ROUTE.as_bytes());
        edits.set_max_forwards(&message, forwards);
        edits.stamp_received(&message, source());
        edits.push_via(&message, &[OUR_VIA.as_bytes()]);
        let mut out = Vec::new();
        edits.apply(message.bytes(), &mut out);

        let expected = forwarded(case, message.bytes(), forwards);
        assert_eq!(shown(&out), shown(&expected), "{}", case.name);
        let mut index = Index::new();
        let next = parse(&out, &mut index).expect("a forwarded request is well-formed");
        assert_eq!(
            next.top_via().branch,
            Some(&b"z9hG4bKourhop"[..]),
            "{}",
            case.name
        );
        assert_eq!(next.via_count(), message.via_count() + 1, "{}", case.name);
        assert_eq!(next.call_id(), message.call_id(), "{}", case.name);
    }
}

/// The forwarded request by plain search and replacement, without the code under test.
fn forwarded(case: &Taken, bytes: &[u8], forwards: u8) -> Vec<u8> {
    let lines = logical_lines(bytes);
    let named = |label: &str| lines.iter().find(|line| line.0 == label);
    let vias: Vec<&Line> = lines
        .iter()
        .filter(|l| l.0 == "via" || l.0 == "v")
        .collect();
    let (top, below) = (vias[0].1, vias[vias.len() - 1].2);
    let via = top + find(&bytes[top..], case.via_end.as_bytes());
    let record_route = named("record-route").map_or(below, |line| line.1);
    let mut pieces = vec![
        (top, top, format!("Via: {OUR_VIA}\r\n")),
        (via, via + case.via_end.len(), case.stamped_end.to_string()),
        (record_route, record_route, RECORD_ROUTE.to_string()),
    ];
    match case.forwards {
        Some(text) => {
            let line = named("max-forwards").expect("the row says so").1;
            let digits = line + find(&bytes[line..], text.as_bytes());
            pieces.push((digits, digits + text.len(), forwards.to_string()));
        }
        None => pieces.push((below, below, format!("Max-Forwards: {forwards}\r\n"))),
    }
    pieces.sort_by_key(|piece| piece.0);
    let mut out = Vec::new();
    let mut at = 0;
    for (start, end, text) in pieces {
        out.extend_from_slice(&bytes[at..start]);
        out.extend_from_slice(text.as_bytes());
        at = end;
    }
    out.extend_from_slice(&bytes[at..]);
    out
}

/// Label in lower case, start and end of one line with those folded into it.
type Line = (String, usize, usize);

fn logical_lines(bytes: &[u8]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut at = 0;
    while !bytes[at..].starts_with(b"\r\n") {
        let end = at + find(&bytes[at..], b"\r\n") + 2;
        if let (Some(last), b' ' | b'\t') = (lines.last_mut(), bytes[at]) {
            last.2 = end;
        } else {
            let text = String::from_utf8_lossy(&bytes[at..end]).to_ascii_lowercase();
            let label = text.split(':').next().unwrap_or_default().trim_end();
            lines.push((label.to_string(), at, end));
        }
        at = end;
    }
    lines
}

fn find(bytes: &[u8], what: &[u8]) -> usize {
    bytes
        .windows(what.len())
        .position(|window| window == what)
        .unwrap_or_else(|| panic!("no {:?}", String::from_utf8_lossy(what)))
}

fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string().replace("\\r\\n", "\n")
}

#[test]
fn a_response_goes_on_without_its_top_via_and_is_otherwise_untouched() {
    for case in RESPONSES {
        let bytes = wire(case.rfc, case.name);
        let mut index = Index::new();
        let message = parse(&bytes, &mut index).expect("a row of what is taken");
        let mut edits = Edits::new();
        edits.pop_via(&message);
        let mut out = Vec::new();
        edits.apply(message.bytes(), &mut out);
        let start = find(&bytes, case.via_end.as_bytes());
        let mut expected = bytes[..start].to_vec();
        expected.extend_from_slice(&bytes[start + case.via_end.len()..]);
        assert_eq!(shown(&out), shown(&expected), "{}", case.name);
    }
}

#[test]
fn what_is_malformed_is_answered_or_dropped_as_its_section_says() {
    for case in REFUSED {
        let bytes = wire(case.rfc, case.name);
        let error = parse(&bytes, &mut Index::new()).expect_err(case.name);
        assert_eq!(error, case.error, "{}", case.name);
        let mut index = Index::new();
        let view = parse_for_reject(&bytes, &mut index);
        let Some(status_line) = case.answer else {
            assert_eq!(error.reject(), None, "{}", case.name);
            assert!(view.is_none(), "{}", case.name);
            continue;
        };
        let (status, reason) = error.reject().expect("an answer is wanted");
        let view = view.unwrap_or_else(|| panic!("{} can be answered", case.name));
        let mut out = Vec::new();
        build::response(
            &view,
            source(),
            status,
            reason,
            Some(b"ours"),
            &[],
            &mut out,
        );
        let answer = String::from_utf8_lossy(&out).into_owned();
        assert!(
            answer.starts_with(&format!("{status_line}\r\n")),
            "{answer}"
        );
        assert!(answer.contains(";received=203.0.113.99"), "{answer}");
        assert!(answer.ends_with("Content-Length: 0\r\n\r\n"), "{answer}");
        let copied = ["CSeq: ", "Call-ID: ", "From: ", "To: "];
        for line in String::from_utf8_lossy(&bytes)
            .lines()
            .take_while(|l| !l.is_empty())
        {
            if copied.iter().any(|label| line.starts_with(label)) && case.name != "multi01" {
                assert!(
                    answer.contains(line),
                    "{}: {line} is not in {answer}",
                    case.name
                );
            }
        }
    }
}

#[test]
fn of_a_request_with_repeated_fields_the_first_ones_are_answered() {
    let bytes = wire("rfc4475", "multi01");
    let mut index = Index::new();
    let view = parse_for_reject(&bytes, &mut index).expect("it can be answered");
    let mut out = Vec::new();
    build::response(
        &view,
        source(),
        400,
        "Duplicate CSeq",
        Some(b"ours"),
        &[],
        &mut out,
    );
    assert_eq!(
        String::from_utf8(out).expect("text"),
        "SIP/2.0 400 Duplicate CSeq\r\n\
         Via: SIP/2.0/UDP 192.0.2.25;branch=z9hG4bKkdjuw;received=203.0.113.99\r\n\
         CSeq: 5 INVITE\r\n\
         Call-ID: multi01.98asdh@192.0.2.1\r\n\
         From: sip:caller@example.com;tag=3413415\r\n\
         To: sip:user@example.com;tag=ours\r\n\
         Content-Length: 0\r\n\r\n"
    );
}
