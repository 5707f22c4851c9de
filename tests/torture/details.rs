//! What single sections of RFC 4475 point at.

use tandem::sip::{
    HeaderName, Host, Index, Message, Method, NameAddr, Rport, Scheme, Uri, Via, parse,
};

use crate::wire::wire;

/// Reads one message and looks at it.
fn with<T>(name: &str, look: impl FnOnce(&Message<'_>) -> T) -> T {
    let bytes = wire("rfc4475", name);
    let mut index = Index::new();
    let message = parse(&bytes, &mut index).expect("well-formed");
    look(&message)
}

fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

#[test]
fn a_short_tortuous_invite_is_read_through_its_folding() {
    with("wsinv", |message| {
        assert_eq!(message.method(), Method::Invite);
        assert_eq!(message.cseq(), 9);
        assert_eq!(message.max_forwards(), Some(68));
        assert_eq!(message.to_tag(), Some(&b"1918181833n"[..]));
        assert_eq!(message.from_tag(), Some(&b"98asjd8"[..]));
        assert_eq!(message.header(HeaderName::Subject), Some(&b""[..]));
        let unusual = message.header_by_text(b"unknownheaderwithunusualvalue");
        assert_eq!(unusual, Some(&b";;,,;;,;"[..]));

        let vias: Vec<(String, String, String)> = message
            .values(HeaderName::Via)
            .map(|value| Via::parse(value.text).expect("each is well-formed"))
            .map(|via| {
                let transport = text(via.protocol_transport);
                (
                    transport,
                    text(via.host_text),
                    text(via.branch.unwrap_or_default()),
                )
            })
            .collect();
        let expected = [
            ("UDP", "192.0.2.2", "390skdjuw"),
            ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
            ("UDP", "192.168.255.111", "z9hG4bK30239"),
        ];
        assert_eq!(
            vias,
            expected.map(|(a, b, c)| (a.into(), b.into(), c.into()))
        );

        let contact = message
            .values(HeaderName::Contact)
            .next()
            .expect("there is one");
        let contact = NameAddr::parse(contact.text).expect("well-formed");
        assert_eq!(text(contact.display), r#"\"Quoted string \\\"\\\"\""#);
        assert_eq!(contact.param(b"newparam"), Some(Some(&b"newvalue"[..])));
        assert_eq!(contact.param(b"secondparam"), Some(None));
        assert_eq!(contact.param(b"Q"), Some(Some(&b"0.33"[..])));

        let route = NameAddr::parse(message.header(HeaderName::Route).expect("one"));
        let uri = Uri::parse(route.expect("well-formed").uri).expect("well-formed");
        assert_eq!(uri.param(b"lr"), Some(None));
        assert_eq!(uri.param(b"unknown-no-value"), Some(None));
    });
}

#[test]
fn unusual_characters_stay_where_the_grammar_puts_them() {
    with("intmeth", |message| {
        assert_eq!(message.method(), Method::Other);
        assert_eq!(
            message.method_text(),
            b"!interesting-Method0123456789_*+`.%indeed'~"
        );
        let uri = Uri::parse(message.uri()).expect("well-formed");
        assert_eq!(
            uri.user,
            Some(&b"1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"[..])
        );
        assert_eq!(uri.host, Host::Name(b"example.com"));
        assert_eq!(message.from_tag(), Some(&b"_token~1'+`*%!-."[..]));
        assert_eq!(
            message.call_id(),
            b"intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"
        );
        assert_eq!(message.top_via().branch, Some(&b"z9hG4bK-.!%66*_+`'~"[..]));
        assert!(
            message
                .to()
                .starts_with(b"\"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f\" <sip:")
        );
    });
}

#[test]
fn percent_is_an_escape_in_uris_and_nowhere_else() {
    with("esc01", |message| {
        let uri = Uri::parse(message.uri()).expect("well-formed");
        assert_eq!(uri.user, Some(&b"sips%3Auser%40example.com"[..]));
        assert_eq!(uri.host, Host::Name(b"example.net"));
    });
    with("esc02", |message| {
        assert_eq!(message.method(), Method::Other);
        assert_eq!(message.method_text(), b"RE%47IST%45R");
        assert_eq!(message.values(HeaderName::Contact).count(), 2);
    });
    with("escnull", |message| {
        assert_eq!(message.from_tag(), Some(&b"839923423"[..]));
        assert_eq!(message.values(HeaderName::Contact).count(), 2);
    });
}

#[test]
fn a_display_name_needs_no_space_behind_it() {
    with("lwsdisp", |message| {
        let from = NameAddr::parse(message.from()).expect("well-formed");
        assert_eq!(
            (from.display, from.uri),
            (&b"caller"[..], &b"sip:caller@example.com"[..])
        );
    });
}

#[test]
fn long_values_and_many_vias_are_no_reason_to_refuse() {
    with("longreq", |message| {
        assert_eq!(message.via_count(), 34);
        assert_eq!(message.top_via().branch, None);
        assert_eq!(message.from_tag().map(<[u8]>::len), Some(2 + 150 + 3));
    });
}

#[test]
fn what_follows_the_body_is_not_part_of_the_message() {
    with("dblreq", |message| {
        assert_eq!(message.method(), Method::Register);
        assert!(message.body().is_empty());
        assert!(message.bytes().ends_with(b"Content-Length: 0\r\n\r\n"));
    });
}

#[test]
fn a_semicolon_before_the_at_sign_belongs_to_the_user() {
    with("semiuri", |message| {
        let uri = Uri::parse(message.uri()).expect("well-formed");
        assert_eq!(uri.user, Some(&b"user;par=u%40example.net"[..]));
        assert!(uri.params.is_empty());
    });
}

#[test]
fn transports_that_nobody_knows_are_read() {
    with("transports", |message| {
        let transports: Vec<String> = message
            .values(HeaderName::Via)
            .map(|value| {
                text(
                    Via::parse(value.text)
                        .expect("well-formed")
                        .protocol_transport,
                )
            })
            .collect();
        assert_eq!(transports, ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]);
    });
}

#[test]
fn a_binary_body_is_whole() {
    with("mpart01", |message| {
        let body = message.body();
        assert!(memchr::memmem::find(body, b"\x00\x00\r\n\r\n\n\r\xff\xc0\x80\r\n").is_some());
        assert_eq!(message.top_via().rport, Rport::Asked);
    });
}

#[test]
fn reason_phrases_may_be_unusual_or_missing() {
    with("unreason", |message| {
        let reason = "= 2**3 * 5**2 но сто девяносто девять - простое";
        assert_eq!(
            (message.status(), message.reason()),
            (200, reason.as_bytes())
        );
        assert_eq!(message.method(), Method::Invite);
    });
    with("noreason", |message| {
        assert_eq!((message.status(), message.reason()), (100, &b""[..]));
    });
}

#[test]
fn a_branch_of_nothing_but_the_magic_cookie_is_handed_on_as_it_is() {
    with("badbranch", |message| {
        assert_eq!(message.top_via().branch, Some(&b"z9hG4bK"[..]));
    });
}

#[test]
fn schemes_that_nobody_knows_are_opaque() {
    for (name, uri) in [
        ("unkscm", &b"nobodyKnowsThisScheme:totallyopaquecontent"[..]),
        ("novelsc", b"soap.beep://192.0.2.103:3002"),
    ] {
        with(name, |message| {
            assert_eq!(message.uri(), uri);
            let scheme = Uri::parse(message.uri()).map(|uri| uri.scheme);
            assert_eq!(scheme, Some(Scheme::Other), "{name}");
        });
    }
    with("unksm2", |message| {
        assert_eq!(message.to(), b"isbn:2983792873");
        assert_eq!(message.from_tag(), Some(&b"3234233"[..]));
    });
}

#[test]
fn extensions_that_a_proxy_must_refuse_are_listed_one_by_one() {
    with("bext01", |message| {
        let wanted: Vec<String> = message
            .values(HeaderName::ProxyRequire)
            .map(|value| text(value.text))
            .collect();
        assert_eq!(
            wanted,
            ["noProxiesSupportThis", "norDoAnyProxiesSupportThis"]
        );
    });
}

#[test]
fn credentials_of_an_unknown_scheme_are_one_value() {
    with("regaut01", |message| {
        let value = message.header(HeaderName::Authorization);
        assert_eq!(value, Some(&b"NoOneKnowsThisScheme opaque-data=here"[..]));
    });
}

#[test]
fn nothing_is_ever_sent_to_a_broadcast_address() {
    with("bcast", |message| {
        let next = message
            .values(HeaderName::Via)
            .nth(1)
            .expect("there are two");
        let via = Via::parse(next.text).expect("well-formed");
        assert_eq!(via.response_destination(), None);
    });
}

#[test]
fn no_hops_left_is_read_as_zero() {
    with("zeromf", |message| {
        assert_eq!(message.max_forwards(), Some(0))
    });
}

#[test]
fn angle_brackets_say_whose_a_parameter_is() {
    with("cparam01", |message| {
        let contact = NameAddr::parse(message.header(HeaderName::Contact).expect("one"));
        let contact = contact.expect("well-formed");
        assert_eq!(contact.uri, b"sip:+19725552222@gw1.example.net");
        assert_eq!(contact.param(b"unknownparam"), Some(None));
    });
    with("cparam02", |message| {
        let contact = NameAddr::parse(message.header(HeaderName::Contact).expect("one"));
        let contact = contact.expect("well-formed");
        assert_eq!(
            contact.uri,
            b"sip:+19725552222@gw1.example.net;unknownparam"
        );
        assert_eq!(contact.param(b"unknownparam"), None);
    });
}

#[test]
fn headers_in_a_contact_uri_stay_in_the_uri() {
    with("regescrt", |message| {
        let contact = NameAddr::parse(message.header(HeaderName::Contact).expect("one"));
        let uri = Uri::parse(contact.expect("well-formed").uri).expect("well-formed");
        assert_eq!(uri.headers, b"Route=%3Csip:sip.example.com%3E");
    });
}

#[test]
fn an_rfc_2543_request_needs_neither_tag_nor_branch_nor_max_forwards() {
    with("inv2543", |message| {
        assert_eq!(message.from_tag(), None);
        assert_eq!(message.to_tag(), None);
        assert_eq!(message.top_via().branch, None);
        assert_eq!(message.max_forwards(), None);
        assert_eq!(message.content_length(), None);
        assert!(message.body().starts_with(b"v=0\r\n"));
    });
}
