//! Requests that begin no call.

use std::collections::BTreeSet;

use crate::text::{CALLER, invite};
use crate::world::{THREE_PEERS, World};

/// Where a request of this method goes, from this user and under this Call-ID.
fn went(world: &mut World, method: &str, user: &str, call_id: &str) -> String {
    let request = invite(call_id)
        .replace("INVITE", method)
        .replace("<sip:a@", &format!("<sip:{user}@"));
    world.deliver(CALLER, &request);
    let (to, sent) = world.expect_any(method);
    let refusal = sent.response("486 Busy Here", "t", "");
    world.deliver(&to, &refusal);
    while world.next_is(&to, "ACK") || world.next_is(CALLER, "486") {
        world.skip();
    }
    to
}

#[test]
fn a_group_that_hashes_sends_a_users_messages_where_its_calls_go() {
    let by_user = "select = \"hash\"\nhash_on = \"from-user\"";
    let mut world = World::new(&THREE_PEERS.replace("select = \"priority\"", by_user));
    let mut homes = BTreeSet::new();
    for user in 0..20 {
        let user = format!("u{user}");
        let home = went(&mut world, "INVITE", &user, &format!("i-{user}"));
        for method in ["REGISTER", "MESSAGE", "SUBSCRIBE"] {
            let to = went(&mut world, method, &user, &format!("{method}-{user}"));
            assert_eq!(to, home, "{method} of {user}");
        }
        homes.insert(home);
    }
    assert_eq!(homes.len(), 3, "users are spread");
    world.at_rest();
}

#[test]
fn any_other_group_dispatches_by_its_dispatch() {
    let by_user =
        "select = \"priority\"\ndispatch = { select = \"hash\", hash_on = \"from-user\" }";
    let mut world = World::new(&THREE_PEERS.replace("select = \"priority\"", by_user));
    let mut homes = BTreeSet::new();
    for user in 0..20 {
        let user = format!("u{user}");
        let home = went(&mut world, "REGISTER", &user, &format!("r-{user}"));
        let again = went(&mut world, "MESSAGE", &user, &format!("m-{user}"));
        assert_eq!(again, home, "{user}");
        homes.insert(home);
    }
    assert_eq!(homes.len(), 3, "users are spread, whatever the priorities");
    world.at_rest();
}
