use super::{VIA, request};
use crate::base::limits::{HEADERS_MAX, MESSAGE_BYTES_MAX};
use crate::sip::{HeaderName, Index, Method, ParseError, parse, parse_for_reject, sniff};

fn error(bytes: &[u8]) -> ParseError {
    parse(bytes, &mut Index::new()).expect_err("it is malformed")
}

#[test]
fn line_ends_before_a_message_are_skipped_and_alone_are_a_keep_alive() {
    let text = format!("\r\n\r\n{}", request(VIA, ""));
    let mut index = Index::new();
    let message = parse(text.as_bytes(), &mut index).expect("well-formed");
    assert!(message.bytes().starts_with(b"INVITE"));
    assert_eq!(sniff(text.as_bytes()), Some(&b"c1@a.example"[..]));
    for bytes in [&b""[..], b"\r\n\r\n", b"\0\0\0\0", b" \r\n"] {
        assert_eq!(error(bytes), ParseError::KeepAlive);
        assert_eq!(error(bytes).reject(), None);
    }
}

#[test]
fn a_line_end_of_one_byte_is_refused_wherever_it_stands_in_the_head() {
    for (text, expected) in [
        (
            request(VIA, "Subject: a\nVia: b\r\n"),
            ParseError::BadLineEnd,
        ),
        (request(VIA, "Subject: a\rb\r\n"), ParseError::BadLineEnd),
        (
            request(VIA, "").replace("\r\n", "\n"),
            ParseError::BadLineEnd,
        ),
        (request(VIA, "Subject: a\r\r\n"), ParseError::BadLineEnd),
    ] {
        assert_eq!(error(text.as_bytes()), expected, "{text:?}");
    }
    let body = format!("{}a\nb\rc", request(VIA, ""));
    let mut index = Index::new();
    let message = parse(body.as_bytes(), &mut index).expect("a body may hold anything");
    assert_eq!(message.body(), b"a\nb\rc");
}

#[test]
fn without_a_content_length_the_body_is_the_rest_and_with_one_the_rest_is_cut_off() {
    let mut index = Index::new();
    let text = format!("{}hello", request(VIA, ""));
    let message = parse(text.as_bytes(), &mut index).expect("well-formed");
    assert_eq!(
        (message.body(), message.content_length()),
        (&b"hello"[..], None)
    );

    let text = format!("{}hello", request(VIA, "l : 2\r\n"));
    let message = parse(text.as_bytes(), &mut index).expect("well-formed");
    assert_eq!(message.body(), b"he");
    assert!(message.bytes().ends_with(b"\r\n\r\nhe"));

    let text = format!("{}hello", request(VIA, "Content-Length: 6\r\n"));
    assert_eq!(error(text.as_bytes()), ParseError::BodyCutShort);
}

#[test]
fn content_lengths_may_repeat_but_not_differ() {
    let text = request(VIA, "Content-Length: 0\r\nl: 00\r\n");
    assert!(parse(text.as_bytes(), &mut Index::new()).is_ok());
    let text = request(VIA, "Content-Length: 0\r\nl: 1\r\n") + "x";
    let differ = ParseError::DuplicateHeader(HeaderName::ContentLength);
    assert_eq!(error(text.as_bytes()), differ);
    for value in ["", "-1", "+1", "1 1", "0x1", "99999999999999999999"] {
        let text = request(VIA, &format!("Content-Length: {value}\r\n"));
        let bad = ParseError::BadHeader(HeaderName::ContentLength);
        assert_eq!(error(text.as_bytes()), bad, "{value:?}");
    }
}

#[test]
fn the_limits_are_exact() {
    let base = request(VIA, "").matches("\r\n").count() - 2;
    let fill = |lines: usize| request(VIA, &"X: y\r\n".repeat(lines));
    assert!(parse(fill(HEADERS_MAX - base).as_bytes(), &mut Index::new()).is_ok());
    let over = fill(HEADERS_MAX - base + 1);
    assert_eq!(error(over.as_bytes()), ParseError::TooManyHeaders);

    let mut text = request(VIA, "");
    text += &"b".repeat(MESSAGE_BYTES_MAX - text.len());
    assert!(parse(text.as_bytes(), &mut Index::new()).is_ok());
    text.push('b');
    assert_eq!(error(text.as_bytes()), ParseError::TooLong);

    for (sequence, legal) in [("2147483647", true), ("2147483648", false), ("-1", false)] {
        let text = request(VIA, "").replace("CSeq: 3", &format!("CSeq: {sequence}"));
        let mut index = Index::new();
        let result = parse(text.as_bytes(), &mut index);
        assert_eq!(result.is_ok(), legal, "{sequence}");
    }
    for (hops, legal) in [("255", true), ("256", false), ("x", false), ("", false)] {
        let text = request(VIA, "").replace("70", hops);
        let mut index = Index::new();
        let result = parse(text.as_bytes(), &mut index);
        assert_eq!(result.is_ok(), legal, "{hops:?}");
    }
}

#[test]
fn each_mandatory_field_is_missed_and_may_not_repeat() {
    for (label, name) in [
        ("Via", HeaderName::Via),
        ("From", HeaderName::From),
        ("To", HeaderName::To),
        ("Call-ID", HeaderName::CallId),
        ("CSeq", HeaderName::CSeq),
    ] {
        let text = request(VIA, "");
        let without = text.replace(&format!("\r\n{label}:"), "\r\nX-Gone:");
        assert_eq!(error(without.as_bytes()), ParseError::MissingHeader(name));
        if name != HeaderName::Via {
            let line = text
                .lines()
                .find(|line| line.starts_with(&format!("{label}:")));
            let twice = request(VIA, &format!("{}\r\n", line.expect("it is there")));
            assert_eq!(error(twice.as_bytes()), ParseError::DuplicateHeader(name));
        }
    }
}

#[test]
fn tags_are_those_of_the_header_and_of_nothing_inside_it() {
    for (value, tag) in [
        (r#""a;tag=x" <sip:a@b;tag=y>;tag=z"#, Some("z")),
        (r#""a\";tag=x" <sip:a@b>;Tag = z"#, Some("z")),
        ("sip:a@b;tag=z", Some("z")),
        ("sip:a@b ;x=\";tag=y\";tag=z", Some("z")),
        ("<sip:a@b;tag=y>", None),
        ("<sip:a@b>;x=y", None),
        ("tel:+1;tag=z", Some("z")),
    ] {
        let text = request(VIA, "").replace("<sip:bob@pbx.example>\r\n", &format!("{value}\r\n"));
        let mut index = Index::new();
        let message = parse(text.as_bytes(), &mut index).expect(value);
        assert_eq!(message.to_tag(), tag.map(str::as_bytes), "{value}");
    }
    for value in [
        "<sip:a@b",
        "\"a <sip:a@b>",
        "<sip:a@b>;tag=",
        "<sip:a@b>;tag=x;tag=y",
        "sip:a@b;\"tag=x",
        "<sip:a@b>;x=\"y\\\"",
        "<>",
        "",
    ] {
        let text = request(VIA, "").replace("<sip:bob@pbx.example>\r\n", &format!("{value}\r\n"));
        assert_eq!(
            error(text.as_bytes()),
            ParseError::BadHeader(HeaderName::To),
            "{value}"
        );
    }
}

#[test]
fn a_status_line_is_read_by_the_letter() {
    let tail = format!(
        "\r\nVia: {VIA}\r\nFrom: <sip:a@b>\r\nTo: <sip:b@c>\r\nCall-ID: 1\r\nCSeq: 1 PRACK\r\n\r\n"
    );
    for (line, status) in [
        ("SIP/2.0 200 OK", 200),
        ("sip/2.0 699 \u{e9}", 699),
        ("SIP/2.0 100", 100),
    ] {
        let text = format!("{line}{tail}");
        let mut index = Index::new();
        let message = parse(text.as_bytes(), &mut index).expect(line);
        assert_eq!(
            (message.status(), message.method()),
            (status, Method::Prack)
        );
        assert!(!message.is_request());
    }
    for line in [
        "SIP/2.0 99 x",
        "SIP/2.0 700 x",
        "SIP/2.0 20x y",
        "SIP/3.0 200 OK",
        "SIP/2.0  200",
    ] {
        assert_eq!(
            error(format!("{line}{tail}").as_bytes()),
            ParseError::BadResponse,
            "{line}"
        );
    }
}

#[test]
fn what_is_not_sip_is_met_with_silence() {
    for bytes in [
        &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
        b"hello",
        b"\x16\x03\x01\x02\x00\x01\x00\r\n",
        b"IN(VITE sip:a@b SIP/2.0\r\n\r\n",
        b"INVITE\r\n\r\n",
    ] {
        assert_eq!(error(bytes), ParseError::NotSip);
        assert_eq!(error(bytes).reject(), None);
        assert!(parse_for_reject(bytes, &mut Index::new()).is_none());
    }
}

#[test]
fn a_malformed_ack_is_never_answered() {
    let text = request(VIA, "")
        .replace("INVITE", "ACK")
        .replace("CSeq: 3", "CSeq: x");
    assert_eq!(
        error(text.as_bytes()),
        ParseError::BadHeader(HeaderName::CSeq)
    );
    assert!(parse_for_reject(text.as_bytes(), &mut Index::new()).is_none());
}

#[test]
fn header_names_compare_without_case_and_in_both_lengths() {
    let text = request(VIA, "sUPPORTED: timer\r\nx: 90\r\nX-Own: 1\r\nd: queue\r\n");
    let mut index = Index::new();
    let message = parse(text.as_bytes(), &mut index).expect("well-formed");
    assert_eq!(message.header(HeaderName::Supported), Some(&b"timer"[..]));
    assert_eq!(message.header_by_text(b"K"), Some(&b"timer"[..]));
    assert_eq!(message.header_by_text(b"session-expires"), Some(&b"90"[..]));
    assert_eq!(message.header_by_text(b"x-OWN"), Some(&b"1"[..]));
    assert_eq!(
        message.header_by_text(b"Request-Disposition"),
        Some(&b"queue"[..])
    );
    assert_eq!(message.header_by_text(b"X-Other"), None);
}

#[test]
fn lists_split_at_commas_outside_quotes_and_brackets() {
    let text = request(
        VIA,
        "m: \"a,\\\"b\" <sip:x,y@h>;q=1 , <sip:z>,,sip:w,\r\nk:\r\n",
    );
    let mut index = Index::new();
    let message = parse(text.as_bytes(), &mut index).expect("well-formed");
    let contacts: Vec<&[u8]> = message
        .values(HeaderName::Contact)
        .map(|v| v.text)
        .collect();
    assert_eq!(
        contacts,
        [&b"\"a,\\\"b\" <sip:x,y@h>;q=1"[..], b"<sip:z>", b"sip:w"]
    );
    assert!(
        message
            .values(HeaderName::Contact)
            .all(|value| !value.alone)
    );
    assert_eq!(message.values(HeaderName::Supported).count(), 0);
}
