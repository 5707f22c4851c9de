//! rsip reads plain messages as we do. It is a second opinion on those alone: it refuses much of what
//! the other tests hold.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rsip::prelude::*;
use tandem::sip::{Index, parse};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("plain messages are text")
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        rng_seed: RngSeed::Fixed(3261),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn rsip_reads_a_plain_request_as_we_do(
        method in prop::sample::select(vec!["INVITE", "BYE", "OPTIONS", "CANCEL", "REGISTER"]),
        user in "[a-z][a-z0-9]{0,9}",
        host in "[a-z]{1,8}\\.example\\.com",
        port in 1024..u16::MAX,
        branch in "z9hG4bK[A-Za-z0-9]{1,20}",
        tags in ("[a-z0-9]{1,12}", "[a-z0-9]{1,12}"),
        call_id in "[a-zA-Z0-9]{1,30}",
        sequence in 1..1_000_000_u32,
        forwards in 0..=70_u8,
        body in "[a-z=\r\n]{0,80}",
    ) {
        let (from_tag, to_tag) = tags;
        let message = format!(
            "{method} sip:{user}@{host} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {host}:{port};branch={branch}\r\n\
             Max-Forwards: {forwards}\r\n\
             From: \"A\" <sip:{user}@{host}>;tag={from_tag}\r\n\
             To: <sip:b@{host}>;tag={to_tag}\r\n\
             Call-ID: {call_id}\r\nCSeq: {sequence} {method}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let theirs = rsip::Request::try_from(message.as_bytes()).expect("plain");
        let mut index = Index::new();
        let ours = parse(message.as_bytes(), &mut index).expect("plain");

        prop_assert_eq!(text(ours.method_text()), theirs.method.to_string());
        prop_assert_eq!(text(ours.uri()), theirs.uri.to_string());
        prop_assert_eq!(text(ours.call_id()), theirs.call_id_header().expect("one").value());
        let cseq = theirs.cseq_header().expect("one").typed().expect("plain");
        prop_assert_eq!(ours.cseq(), cseq.seq);
        let via = theirs.via_header().expect("one").typed().expect("plain");
        let our_via = ours.top_via();
        prop_assert_eq!(text(our_via.branch.expect("one")), via.branch().expect("one").to_string());
        prop_assert_eq!(our_via.port, via.uri.host_with_port.port.map(|port| *port.value()));
        prop_assert_eq!(text(our_via.host_text), via.uri.host_with_port.host.to_string());
        let from = theirs.from_header().expect("one").typed().expect("plain");
        prop_assert_eq!(text(ours.from_tag().expect("one")), from.tag().expect("one").to_string());
        let to = theirs.to_header().expect("one").typed().expect("plain");
        prop_assert_eq!(text(ours.to_tag().expect("one")), to.tag().expect("one").to_string());
        let hops = theirs.max_forwards_header().expect("one").num().expect("a number");
        prop_assert_eq!(ours.max_forwards().map(u32::from), Some(hops));
        prop_assert_eq!(ours.body(), &theirs.body[..]);
    }

    #[test]
    fn rsip_reads_a_plain_response_as_we_do(
        status in prop::sample::select(vec![100_u16, 180, 200, 302, 404, 486, 503, 603]),
        branch in "z9hG4bK[A-Za-z0-9]{1,20}",
        call_id in "[a-zA-Z0-9]{1,30}",
    ) {
        let message = format!(
            "SIP/2.0 {status} Whatever\r\nVia: SIP/2.0/UDP a.example.com;branch={branch}\r\n\
             From: <sip:a@a.example.com>;tag=1\r\nTo: <sip:b@b.example.com>;tag=2\r\n\
             Call-ID: {call_id}\r\nCSeq: 7 INVITE\r\nContent-Length: 0\r\n\r\n"
        );
        let theirs = rsip::Response::try_from(message.as_bytes()).expect("plain");
        let mut index = Index::new();
        let ours = parse(message.as_bytes(), &mut index).expect("plain");
        prop_assert_eq!(ours.status(), theirs.status_code.code());
        prop_assert_eq!(text(ours.call_id()), theirs.call_id_header().expect("one").value());
        prop_assert_eq!(ours.cseq(), 7);
    }
}

/// Why no byte from the network goes through rsip: each of these is legal.
#[test]
fn what_rsip_refuses_or_loses_is_read_and_kept() {
    let request = |via: &str, more: &[u8]| {
        let mut bytes = format!(
            "INVITE sip:b@c.example SIP/2.0\r\nVia: {via}\r\nFrom: <sip:a@b.example>;tag=1\r\n\
             To: <sip:b@c.example>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n"
        )
        .into_bytes();
        bytes.extend_from_slice(more);
        bytes.extend_from_slice(b"\r\n");
        bytes
    };
    let plain = request("SIP/2.0/UDP h.example;branch=z9hG4bK1", b"");
    assert!(rsip::Request::try_from(&plain[..]).is_ok());

    let received = request(
        "SIP/2.0/UDP h.example;received=2001:db8::2;branch=z9hG4bK1",
        b"",
    );
    let theirs = rsip::Request::try_from(&received[..]).expect("it reads the lines");
    let branch = theirs
        .via_header()
        .ok()
        .and_then(|via| via.typed().ok()?.branch().cloned());
    assert_eq!(branch, None);

    let other_method = String::from_utf8(plain)
        .expect("text")
        .replace("INVITE", "PING");
    let compact = String::from_utf8(request("SIP/2.0/UDP h.example;branch=z9hG4bK1", b""))
        .expect("text")
        .replace("Call-ID:", "i:");
    assert!(rsip::Request::try_from(other_method.as_bytes()).is_err());
    let theirs = rsip::Request::try_from(compact.as_bytes());
    assert!(theirs.is_err() || theirs.is_ok_and(|request| request.call_id_header().is_err()));
    let raw = request(
        "SIP/2.0/UDP h.example;branch=z9hG4bK1",
        b"Subject: \xff\r\n",
    );
    assert!(rsip::Request::try_from(&raw[..]).is_err());

    for bytes in [
        &received[..],
        other_method.as_bytes(),
        compact.as_bytes(),
        &raw,
    ] {
        let mut index = Index::new();
        let ours = parse(bytes, &mut index).expect("well-formed");
        assert_eq!(ours.call_id(), b"1");
        assert_eq!(ours.top_via().branch, Some(&b"z9hG4bK1"[..]));
    }
}
