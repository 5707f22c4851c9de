//! RFC 3261 §17.1.3, §17.2.3 and §9.2.

use proptest::prelude::*;

use super::harness::{Heard, Request, World, passed, read};
use crate::transaction::Received;

fn via(text: &str) -> Request {
    Request {
        via: text.to_owned(),
        ..Request::new("INVITE")
    }
}

#[test]
fn branch_sent_by_and_method_together_tell_transactions_apart() {
    let mut world = World::new();
    let key = world.open_server(&via("pbx.example:5062;branch=z9hG4bKone").bytes());
    let mut finds = |request: Request| world.find_server(&request.bytes()) == Some(key);
    assert!(finds(via("pbx.example:5062;branch=z9hG4bKone")));
    assert!(
        finds(via("PBX.example:5062;rport;branch=z9hG4bKone;x=y")),
        "host names have no case"
    );
    assert!(!finds(via("pbx.example:5062;branch=z9hG4bKtwo")));
    assert!(!finds(via("pbx.example:5063;branch=z9hG4bKone")));
    assert!(!finds(via("pbx.example;branch=z9hG4bKone")));
    assert!(!finds(via("other.example:5062;branch=z9hG4bKone")));
    let bye = Request {
        method: "BYE".to_owned(),
        ..via("pbx.example:5062;branch=z9hG4bKone")
    };
    assert!(!finds(bye));
}

#[test]
fn with_a_unique_branch_nothing_else_is_compared() {
    let mut world = World::new();
    let key = world.open_server(&Request::new("INVITE").bytes());
    let other = Request {
        uri: "sip:x@h".into(),
        call_id: "other".into(),
        from_tag: "g".into(),
        ..Request::new("INVITE")
    };
    assert_eq!(world.find_server(&other.bytes()), Some(key));
}

#[test]
fn unknown_methods_are_told_apart_by_their_names() {
    let mut world = World::new();
    let key = world.open_server(&Request::new("FOO").bytes());
    assert_eq!(world.find_server(&Request::new("FOO").bytes()), Some(key));
    assert_eq!(world.find_server(&Request::new("BAR").bytes()), None);
    assert_eq!(world.find_server(&Request::new("foo").bytes()), None);
}

#[test]
fn a_cancel_is_a_transaction_of_its_own_and_finds_its_invite() {
    let mut world = World::new();
    let invite = world.open_server(&Request::new("INVITE").bytes());
    let cancel = Request::new("CANCEL").bytes();
    assert_eq!(world.find_server(&cancel), None);
    assert_eq!(
        read(&cancel, |cancel| world.table.find_cancelled(cancel)),
        Some(invite)
    );
    let own = world.open_server(&cancel);
    assert_eq!(world.find_server(&cancel), Some(own));
    assert_eq!(
        read(&cancel, |cancel| world.table.find_cancelled(cancel)),
        Some(invite)
    );
}

#[test]
fn an_ack_never_finds_another_methods_transaction() {
    let mut world = World::new();
    world.open_server(&Request::new("BYE").bytes());
    assert_eq!(world.find_server(&Request::new("ACK").bytes()), None);
}

#[test]
fn a_branch_that_is_the_cookie_alone_is_not_taken_for_unique() {
    let mut world = World::new();
    let cookie = via("127.0.0.9:5062;branch=z9hG4bK");
    let key = world.open_server(&cookie.bytes());
    assert_eq!(world.find_server(&cookie.bytes()), Some(key));
    let other = Request {
        call_id: "other".to_owned(),
        ..cookie
    };
    assert_eq!(world.find_server(&other.bytes()), None);
}

#[test]
fn a_legacy_request_is_told_by_each_of_its_fields() {
    for old in [Request::legacy("INVITE"), via("127.0.0.9:5062")] {
        let mut world = World::new();
        let key = world.open_server(&old.bytes());
        assert_eq!(world.find_server(&old.bytes()), Some(key));
        let others = [
            Request {
                uri: "sip:carol@127.0.0.1".into(),
                ..old.clone()
            },
            Request {
                via: "127.0.0.9:5063;branch=1".into(),
                ..old.clone()
            },
            Request {
                from_tag: "f2".into(),
                ..old.clone()
            },
            Request {
                call_id: "call-2".into(),
                ..old.clone()
            },
            Request {
                sequence: 2,
                ..old.clone()
            },
            Request {
                method: "BYE".into(),
                ..old.clone()
            },
            old.clone().tagged("other"),
        ];
        for other in others {
            assert_eq!(world.find_server(&other.bytes()), None);
        }
    }
}

#[test]
fn a_legacy_ack_is_told_by_the_to_tag_of_our_response() {
    let mut world = World::new();
    let key = world.open_server(&Request::legacy("INVITE").bytes());
    let ack = Request::legacy("ACK");
    assert_eq!(
        world.find_server(&ack.clone().tagged("ours").bytes()),
        None,
        "no response was sent yet"
    );
    world.respond(key, 486);
    assert_eq!(
        world.find_server(&ack.clone().tagged("other").bytes()),
        None
    );
    assert_eq!(world.find_server(&ack.bytes()), None);
    assert_eq!(
        world.receive(&ack.tagged("ours").bytes()),
        Some(Received::Acknowledged)
    );
}

#[test]
fn a_legacy_cancel_finds_its_invite_by_the_invites_to_tag() {
    let mut world = World::new();
    let invite = world.open_server(&Request::legacy("INVITE").tagged("dialog").bytes());
    let mut find =
        |cancel: Request| read(&cancel.bytes(), |cancel| world.table.find_cancelled(cancel));
    assert_eq!(
        find(Request::legacy("CANCEL").tagged("dialog")),
        Some(invite)
    );
    assert_eq!(find(Request::legacy("CANCEL")), None);
}

#[test]
fn a_response_is_told_by_our_branch_and_the_method_in_cseq() {
    let mut world = World::new();
    let (invite, options) = (world.send("INVITE"), world.send("OPTIONS"));
    assert_eq!(
        world.hear_for(&invite.branch, "OPTIONS", 200),
        Heard::Unknown
    );
    assert_eq!(
        world.hear_for(&options.branch, "INVITE", 200),
        Heard::Unknown
    );
    let foreign = world.table.mint_branch();
    assert_eq!(world.hear_for(&foreign, "INVITE", 200), Heard::Unknown);
    assert_eq!(world.hear(&invite, 180), passed());
}

#[test]
fn a_branch_with_a_suffix_is_another_branch() {
    let mut world = World::new();
    let sent = world.send("INVITE");
    assert_eq!(
        world.hear_for(&sent.branch.with_suffix(7), "INVITE", 200),
        Heard::Unknown
    );
}

proptest! {
    /// The fields are joined into one identity; shifting bytes between neighbours must not make two requests the same.
    #[test]
    fn only_equal_requests_are_the_same_transaction(
        left in ("[ab]{1,3}", "[ab]{1,3}", "[ab]{1,3}", any::<bool>()),
        right in ("[ab]{1,3}", "[ab]{1,3}", "[ab]{1,3}", any::<bool>()),
    ) {
        let request = |(call_id, from_tag, rest, legacy): &(String, String, String, bool)| Request {
            call_id: call_id.clone(),
            from_tag: from_tag.clone(),
            via: format!("{rest}.example;branch={}{call_id}", if *legacy { "" } else { "z9hG4bK" }),
            ..Request::new("INVITE")
        };
        let same = if left.3 || right.3 { left == right } else { left.0 == right.0 && left.2 == right.2 };
        let mut world = World::new();
        world.open_server(&request(&left).bytes());
        prop_assert_eq!(world.find_server(&request(&right).bytes()).is_some(), same);
    }
}
