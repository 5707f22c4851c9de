//! What single sections of RFC 5118 point at.

use std::net::Ipv6Addr;

use tandem::sip::{HeaderName, Host, Index, Message, Uri, Via, parse};

use crate::wire::wire;

fn with<T>(name: &str, look: impl FnOnce(&Message<'_>) -> T) -> T {
    let bytes = wire("rfc5118", name);
    let mut index = Index::new();
    let message = parse(&bytes, &mut index).expect("well-formed");
    look(&message)
}

fn v6(text: &str) -> Host<'static> {
    Host::V6(text.parse().expect("an address"))
}

#[test]
fn only_what_follows_the_bracket_is_a_port() {
    for (name, host, port) in [
        ("ipv6-good", "2001:db8::10", None),
        ("port-ambiguous", "2001:db8::10:5070", None),
        ("port-unambiguous", "2001:db8::10", Some(5070)),
    ] {
        with(name, |message| {
            let uri = Uri::parse(message.uri()).expect("well-formed");
            assert_eq!((uri.host, uri.port), (v6(host), port), "{name}");
            let to = format!("[{host}]:{}", port.unwrap_or(5060));
            assert_eq!(
                uri.socket_addr().map(|to| to.to_string()),
                Some(to),
                "{name}"
            );
        });
    }
}

#[test]
fn received_is_read_with_and_without_brackets() {
    for (name, branch) in [
        ("via-received-param-with-delim", &b"z9hG4bKas3-111"[..]),
        ("via-received-param-no-delim", b"z9hG4bKas3"),
    ] {
        with(name, |message| {
            let via = message.top_via();
            let destination = via.response_destination().map(|to| to.to_string());
            assert_eq!(
                destination.as_deref(),
                Some("[2001:db8::9:255]:5060"),
                "{name}"
            );
            assert_eq!(via.branch, Some(branch), "{name}");
        });
    }
}

#[test]
fn both_families_may_share_the_vias_of_one_message() {
    with("mult-ip-in-header", |message| {
        let destinations: Vec<String> = message
            .values(HeaderName::Via)
            .map(|value| Via::parse(value.text).expect("well-formed"))
            .map(|via| via.response_destination().expect("an address").to_string())
            .collect();
        assert_eq!(
            destinations,
            ["[2001:db8::9:1]:6050", "192.0.2.1:5060", "192.0.2.200:5060"]
        );
    });
}

#[test]
fn sdp_of_both_families_comes_through() {
    for (name, line) in [
        ("ipv6-in-sdp", "c=IN IP6 2001:db8::20\r\n"),
        ("mult-ip-in-sdp", "c=IN IP6 2001:db8::1\r\n"),
        ("ipv4-mapped-ipv6", "c=IN IP6 ::ffff:192.0.2.2\r\n"),
    ] {
        with(name, |message| {
            let body = String::from_utf8_lossy(message.body());
            assert!(body.contains(line), "{name}");
        });
    }
}

#[test]
fn a_mapped_address_is_read_with_its_port() {
    with("ipv4-mapped-ipv6", |message| {
        let via = message.top_via();
        assert_eq!((via.host, via.port), (v6("::ffff:192.0.2.10"), Some(19823)));
    });
}

#[test]
fn a_third_colon_before_an_embedded_v4_address_means_two() {
    for name in ["ipv6-bug-abnf-3-colons", "ipv6-correct-abnf-2-colons"] {
        with(name, |message| {
            let uri = Uri::parse(message.uri()).expect("well-formed");
            let address: Ipv6Addr = "2001:db8::192.0.2.1".parse().expect("an address");
            assert_eq!(uri.host, Host::V6(address), "{name}");
        });
    }
    assert!(Uri::parse(b"sip:[2001:db8:::10]").is_none());
    assert!(Uri::parse(b"sip:[2001:db8::::192.0.2.1]").is_none());
}
