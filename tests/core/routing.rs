//! Record-Route and Route: two listeners, strict routers, spirals.

use tandem::call::CallFilter;
use tandem::proxy::{Answer, Command};

use crate::text::{Text, invite};
use crate::world::{A, THREE_PEERS, World, address};

/// A phone behind the second listener.
const PHONE: &str = "127.0.1.1:5071";

/// The first listener is near the peers, the second near the phone.
fn two_listeners() -> World {
    let second = "[[listen]]\nuri = \"sip:127.0.1.9:5060;transport=udp\"\n[probe]";
    World::new(&THREE_PEERS.replace("[probe]", second))
}

fn phones_invite() -> String {
    invite("c1").replace("127.0.0.1:5071", PHONE)
}

/// A call from the phone, up: the INVITE as the peer got it, and the 200 as the phone did.
fn up(world: &mut World) -> (Text, Text) {
    let request = phones_invite();
    world.deliver_to(1, address(PHONE), request.as_bytes());
    let at_a = world.expect(A, "INVITE");
    let answer = at_a.response("200 OK", "callee", &format!("Contact: <sip:100@{A}>\r\n"));
    world.deliver(A, &answer);
    let ok = world.expect(PHONE, "200");
    world.deliver_to(1, address(PHONE), ok.ack(&request).as_bytes());
    let ack = world.expect(A, "ACK");
    assert!(ack.all("Route").is_empty());
    (at_a, ok)
}

fn via(at: &str, branch: &str) -> String {
    format!("{at};branch=z9hG4bK{branch}")
}

#[test]
fn a_call_between_two_listeners_is_recorded_on_both() {
    let mut world = two_listeners();
    let (at_a, ok) = up(&mut world);
    let hosts: Vec<&str> = at_a
        .all("Record-Route")
        .iter()
        .filter_map(|route| route.split(';').next())
        .collect();
    assert_eq!(hosts, ["<sip:127.0.0.9:5060", "<sip:127.0.1.9:5060"]);
    let via_a = at_a.first("Via").to_string();
    assert!(via_a.starts_with("SIP/2.0/UDP 127.0.0.9:5060;"), "{via_a}");

    let info = at_a.back("INFO", 1, &via(A, "i1"), "callee");
    world.deliver(A, &info);
    let here = world.expect(PHONE, "INFO");
    assert!(here.all("Route").is_empty());
    assert!(here.first("Via").contains("127.0.1.9:5060"));
    world.deliver_to(
        1,
        address(PHONE),
        here.response("200 OK", "", "").as_bytes(),
    );
    world.expect(A, "200");

    let bye = ok.next("BYE", 2, &via(PHONE, "b1"));
    world.deliver_to(1, address(PHONE), bye.as_bytes());
    let bye = world.expect(A, "BYE");
    assert!(bye.all("Route").is_empty());
    world.deliver(A, &bye.response("200 OK", "", ""));
    world.expect(PHONE, "200");
    world.at_rest();
}

/// What a strict router makes of a request: the first Route becomes the Request-URI, which goes to the end.
fn by_a_strict_router(request: &str) -> String {
    let text = Text(request.to_string());
    let mut routes: Vec<String> = text.all("Route").iter().map(ToString::to_string).collect();
    let target = text.start().split(' ').nth(1).unwrap_or_default();
    routes.push(format!("<{target}>"));
    let first = routes.remove(0);
    let first = first.trim_matches(['<', '>']);
    let lines = request
        .split("\r\n")
        .filter(|line| !line.starts_with("Route:"));
    let mut lines: Vec<String> = lines.map(ToString::to_string).collect();
    lines[0] = lines[0].replacen(target, first, 1);
    lines.insert(1, format!("Route: {}", routes.join(", ")));
    lines.join("\r\n")
}

#[test]
fn a_strict_router_before_us_leaves_no_entry_of_ours_behind() {
    let mut world = two_listeners();
    let (at_a, ok) = up(&mut world);
    let bye = by_a_strict_router(&ok.next("BYE", 2, &via(PHONE, "b1")));
    assert!(bye.starts_with("BYE sip:127.0.1.9:5060;lr;"), "{bye}");
    world.deliver_to(1, address(PHONE), bye.as_bytes());
    let bye = world.expect(A, "BYE");
    assert_eq!(bye.start(), format!("BYE sip:100@{A} SIP/2.0"));
    assert!(bye.all("Route").is_empty(), "{:?}", bye.all("Route"));
    let info = by_a_strict_router(&at_a.back("INFO", 1, &via(A, "i1"), "callee"));
    world.deliver(A, &info);
    let info = world.expect(PHONE, "INFO");
    assert_eq!(info.start(), format!("INFO sip:a@{PHONE} SIP/2.0"));
    assert!(info.all("Route").is_empty(), "{:?}", info.all("Route"));
}

#[test]
fn a_strict_router_after_us_gets_its_uri_in_the_request_line() {
    let mut world = World::new(THREE_PEERS);
    let strict = "Route: <sip:127.0.0.9;lr>, <sip:127.0.0.44:5070>, <sip:127.0.0.45;lr>\r\n";
    let request = invite("c1")
        .replace("127.0.0.1:5071", A)
        .replace("Max-Forwards", &format!("{strict}Max-Forwards"));
    world.deliver(A, &request);
    let out = world.expect("127.0.0.44:5070", "INVITE");
    assert_eq!(out.start(), "INVITE sip:127.0.0.44:5070 SIP/2.0");
    assert_eq!(
        out.all("Route"),
        ["<sip:127.0.0.45;lr>", "<sip:100@127.0.0.9>"]
    );
}

/// The other proxy of the spiral.
const OTHER: &str = "127.0.0.20:5060";

/// A call that comes round by another proxy, under another Request-URI: once through us to A, which is that proxy, and once to B.
fn spiral(world: &mut World) -> (Text, Text) {
    let request = invite("c1");
    world.deliver("127.0.0.1:5071", &request);
    let first = world.expect(A, "INVITE");
    let other_via = format!("Via: SIP/2.0/UDP {OTHER};branch=z9hG4bKother\r\nVia:");
    let round = first
        .0
        .replacen("Via:", &other_via, 1)
        .replacen(
            "Record-Route:",
            "Record-Route: <sip:127.0.0.20;lr>\r\nRecord-Route:",
            1,
        )
        .replacen("INVITE sip:100@127.0.0.9", "INVITE sip:200@127.0.0.9", 1);
    world.deliver(OTHER, &round);
    let (to, second) = world.expect_any("INVITE");
    let answer = second.response("200 OK", "callee", &format!("Contact: <sip:200@{to}>\r\n"));
    world.deliver(&to, &answer);
    let ok = world.expect(OTHER, "200");
    // The other proxy takes its Via off and sends the answer on, back through us.
    let own = format!("Via: {}\r\n", ok.all("Via")[0]);
    world.deliver(A, &ok.0.replacen(&own, "", 1));
    let ok = world.expect("127.0.0.1:5071", "200");
    world.quiet();
    (second, ok)
}

#[test]
fn the_bye_of_a_spiral_ends_it_turn_by_turn() {
    let mut world = World::new(THREE_PEERS);
    let (_, ok) = spiral(&mut world);
    assert_eq!(world.own("a"), 2, "both turns went to A");
    assert_eq!(ok.all("Record-Route").len(), 3);
    let bye = ok.next("BYE", 2, &via("127.0.0.1:5071", "b1"));
    world.deliver("127.0.0.1:5071", &bye);
    let bye = world.expect(OTHER, "BYE");
    assert_eq!(bye.all("Route").len(), 2, "{:?}", bye.all("Route"));
    let routes = format!("Route: {}\r\n", bye.all("Route")[0]);
    let other_via = format!("Via: SIP/2.0/UDP {OTHER};branch=z9hG4bKbye2\r\nVia:");
    let onward = bye
        .0
        .replacen(&routes, "", 1)
        .replacen("Via:", &other_via, 1);
    world.deliver(OTHER, &onward);
    let last = world.expect(A, "BYE");
    assert!(last.all("Route").is_empty());
    world.deliver(A, &last.response("200 OK", "", ""));
    let back = world.expect(OTHER, "200");
    assert_eq!(world.own("a"), 1);
    let own = format!("Via: {}\r\n", back.all("Via")[0]);
    world.deliver(OTHER, &back.0.replacen(&own, "", 1));
    world.expect("127.0.0.1:5071", "200");
    assert_eq!(world.own("a"), 0);
    world.at_rest();
}

#[test]
fn our_own_bye_goes_the_way_of_its_own_turn_of_a_spiral() {
    let mut world = World::new(THREE_PEERS);
    spiral(&mut world);
    let all = CallFilter {
        limit: 9,
        ..CallFilter::default()
    };
    let Answer::Calls(calls) = world.command(Command::Calls(all)) else {
        panic!("calls")
    };
    world.command(Command::EndCall(calls[0].id));
    let to_caller = world.expect("127.0.0.1:5071", "BYE");
    assert!(to_caller.all("Route").is_empty(), "the first hop is his");
    let to_callee = world.expect(OTHER, "BYE");
    assert_eq!(to_callee.all("Route").len(), 1, "a list of two");
    let (first, second) = to_callee.first("Route").split_once(", ").expect("two");
    assert!(first.contains("127.0.0.20"));
    assert!(second.contains("127.0.0.9:5060"), "by the second turn");
}
