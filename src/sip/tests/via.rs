use crate::sip::{Host, Rport, Via};

fn via(text: &str) -> Via<'_> {
    Via::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text:?} is a Via"))
}

#[test]
fn white_space_may_stand_round_every_separator() {
    let via =
        via("SIP / 2.0\t/ UDP \r\n [2001:db8::1] : 5070 ; rport ; BRANCH = z9hG4bKx ; a = \"b;c\"");
    assert_eq!(via.protocol_transport, b"UDP");
    assert_eq!(
        via.host,
        Host::V6("2001:db8::1".parse().expect("an address"))
    );
    assert_eq!(via.host_text, b"[2001:db8::1]");
    assert_eq!(via.port, Some(5070));
    assert_eq!(via.rport, Rport::Asked);
    assert_eq!(via.branch, Some(&b"z9hG4bKx"[..]));
}

#[test]
fn a_bare_v6_address_in_received_does_not_hide_what_follows() {
    let via = via("SIP/2.0/UDP h;received=2001:db8::2;branch=z9hG4bKx;rport=7");
    assert_eq!(via.received, Some(&b"2001:db8::2"[..]));
    assert_eq!(via.branch, Some(&b"z9hG4bKx"[..]));
    assert_eq!(via.rport, Rport::Is(7));
}

#[test]
fn what_breaks_the_grammar_is_no_via() {
    for text in [
        "",
        "SIP/2.0/UDP",
        "SIP/2.0 UDP h",
        "SIP/2.0/UDPh",
        "SIP/2.0/UDP h:",
        "SIP/2.0/UDP h:0",
        "SIP/2.0/UDP h:65536",
        "SIP/2.0/UDP 2001:db8::1",
        "SIP/2.0/UDP [2001:db8::1",
        "SIP/2.0/UDP [h]",
        "SIP/2.0/UDP h;;branch=x",
        "SIP/2.0/UDP h;",
        "SIP/2.0/UDP h;branch=x;branch=y",
        "SIP/2.0/UDP h;received=x",
        "SIP/2.0/UDP h;rport=x",
        "SIP/2.0/UDP h;rport;rport",
        "SIP/2.0/UDP h;a=\"b",
        "SIP/2.0/UDP h;a=<b>",
        "SIP/2.0/UDP h, SIP/2.0/UDP i",
        "SIP/2.0/UDP h;a b",
    ] {
        assert!(Via::parse(text.as_bytes()).is_none(), "{text:?}");
    }
}

#[test]
fn responses_go_where_the_request_came_from() {
    for (text, destination) in [
        ("SIP/2.0/UDP 192.0.2.1", Some("192.0.2.1:5060")),
        ("SIP/2.0/TLS 192.0.2.1", Some("192.0.2.1:5061")),
        ("SIP/2.0/UDP 192.0.2.1:5070", Some("192.0.2.1:5070")),
        (
            "SIP/2.0/UDP h:5070;received=192.0.2.2",
            Some("192.0.2.2:5070"),
        ),
        (
            "SIP/2.0/UDP h:5070;received=192.0.2.2;rport=6000",
            Some("192.0.2.2:6000"),
        ),
        (
            "SIP/2.0/UDP h;received=[2001:db8::2];rport=6000",
            Some("[2001:db8::2]:6000"),
        ),
        (
            "SIP/2.0/UDP h:5070;maddr=192.0.2.3;received=192.0.2.2",
            Some("192.0.2.3:5070"),
        ),
        ("SIP/2.0/UDP h", None),
        ("SIP/2.0/UDP 224.0.1.75", None),
        ("SIP/2.0/UDP 0.0.0.0", None),
    ] {
        let found = via(text).response_destination().map(|to| to.to_string());
        assert_eq!(found.as_deref(), destination, "{text}");
    }
}
