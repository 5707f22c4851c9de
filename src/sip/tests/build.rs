use super::{VIA, request};
use crate::sip::{Index, build, parse};

const SOURCE: &str = "192.0.2.9:6000";

fn answer(text: &str, status: u16, tag: Option<&[u8]>, extra: &[(&str, &str)]) -> String {
    let mut index = Index::new();
    let message = parse(text.as_bytes(), &mut index).expect("well-formed");
    let source = SOURCE.parse().expect("an address");
    let reason = build::reason_phrase(status);
    let mut out = Vec::new();
    build::response(&message, source, status, reason, tag, extra, &mut out);
    String::from_utf8(out).expect("text")
}

#[test]
fn a_response_copies_what_rfc_3261_8_2_6_names_and_nothing_else() {
    let via = "SIP/2.0/UDP 192.0.2.1;rport, SIP/2.0/TCP x\r\nv: SIP/2.0/UDP y";
    let text = request(via, "Timestamp: 54\r\nSubject: s\r\nContact: <sip:c>\r\n");
    let head = "Via: SIP/2.0/UDP 192.0.2.1;rport=6000;received=192.0.2.9, SIP/2.0/TCP x\r\n\
                v: SIP/2.0/UDP y\r\nFrom: <sip:alice@a.example>;tag=f1\r\n";
    assert_eq!(
        answer(&text, 503, Some(b"t1"), &[("Retry-After", "7")]),
        format!(
            "SIP/2.0 503 Service Unavailable\r\n{head}To: <sip:bob@pbx.example>;tag=t1\r\n\
             Call-ID: c1@a.example\r\nCSeq: 3 INVITE\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"
        )
    );
    assert_eq!(
        answer(&text, 100, Some(b"t1"), &[]),
        format!(
            "SIP/2.0 100 Trying\r\n{head}To: <sip:bob@pbx.example>\r\n\
             Call-ID: c1@a.example\r\nCSeq: 3 INVITE\r\nTimestamp: 54\r\nContent-Length: 0\r\n\r\n"
        )
    );
}

#[test]
fn a_to_that_has_a_tag_keeps_it() {
    let text = request(VIA, "").replace("<sip:bob@pbx.example>\r\n", "<sip:bob@p>;tag=own\r\n");
    let out = answer(&text, 481, Some(b"t1"), &[]);
    assert!(out.contains("To: <sip:bob@p>;tag=own\r\n"), "{out}");
}

#[test]
fn ack_and_cancel_go_the_way_of_their_invite() {
    let invite = request(
        &format!("{VIA}\r\nVia: SIP/2.0/UDP caller.example"),
        "Route: <sip:p;lr>,\r\n <sip:q;lr>\r\nContact: <sip:c>\r\nl: 1\r\n",
    ) + "x";
    let response = answer(&invite, 486, Some(b"busy"), &[]);
    let (mut invite_index, mut response_index) = (Index::new(), Index::new());
    let invite = parse(invite.as_bytes(), &mut invite_index).expect("well-formed");
    let response = parse(response.as_bytes(), &mut response_index).expect("well-formed");
    let written = |method: &str, to: &str| {
        format!(
            "{method} sip:bob@pbx.example SIP/2.0\r\nVia: {VIA}\r\nMax-Forwards: 70\r\n\
             Route: <sip:p;lr>,\r\n <sip:q;lr>\r\nFrom: <sip:alice@a.example>;tag=f1\r\nTo: {to}\r\n\
             Call-ID: c1@a.example\r\nCSeq: 3 {method}\r\nContent-Length: 0\r\n\r\n"
        )
    };
    let mut out = Vec::new();
    build::ack_for(&invite, &response, &mut out);
    let expected = written("ACK", "<sip:bob@pbx.example>;tag=busy");
    assert_eq!(String::from_utf8_lossy(&out), expected);
    out.clear();
    build::cancel_for(&invite, &mut out);
    assert_eq!(
        String::from_utf8_lossy(&out),
        written("CANCEL", "<sip:bob@pbx.example>")
    );
}

#[test]
fn every_status_has_a_phrase_of_its_class() {
    assert_eq!(build::reason_phrase(407), "Proxy Authentication Required");
    assert_eq!(build::reason_phrase(499), "Bad Request");
    assert_eq!(build::reason_phrase(299), "OK");
    for status in 100..700 {
        assert!(!build::reason_phrase(status).is_empty());
    }
}
