//! What peers have held of late.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tandem::balance::{Ask, Demand, EndCause, Slot, Step};

use crate::client::Request;
use crate::server::{ADMIN, Server};

const APART: Duration = Duration::from_secs(5);

/// A call that takes two transcoders, which pbx-a alone has.
fn call(server: &Server) -> Slot {
    let directory = server.ledger.directory();
    let transcoding = directory.resource_named("transcoding").expect("pbx-a's");
    let ask = Ask {
        group: directory.group_named("pbx").expect("it is configured"),
        demand: &Demand::new([(transcoding, 2)]).expect("a demand"),
        step: Step::Balance,
        tried: &[],
        hash_key: b"",
    };
    let grant = server.ledger.reserve(Instant::now(), &ask);
    grant.expect("there is room").slot
}

#[test]
fn each_look_tells_what_every_configured_peer_held_and_how_long_ago_that_was() {
    let server = Server::start();
    let none = json!({ "ages_seconds": [], "peers": {} });
    assert_eq!(server.get_json("/v1/history"), none);

    let first = Instant::now();
    let look = |number: u32| {
        server
            .events
            .loads
            .look(&server.ledger, first + APART * number)
    };
    let put = json!({ "uri": "sip:127.0.0.13:5060;transport=udp", "groups": ["pbx"] });
    look(0);
    let slot = call(&server);
    look(1);
    assert_eq!(server.admin("PUT", "/v1/peers/pbx-c", &put).status, 201);
    let remove = Request::new("DELETE", "/v1/peers/pbx-b").token(ADMIN);
    assert_eq!(remove.send(server.address).status, 204);
    look(2);
    slot.release(EndCause::Bye);
    look(3);

    let told = server.get_json("/v1/history");
    let peers = json!({ "pbx-a": [0, 2, 2, 0], "pbx-c": [0, 0] });
    assert_eq!(told["peers"], peers);
    let ages = told["ages_seconds"].as_array().expect("one for each look");
    assert_eq!(ages.len(), 4);
    // Looks that are to come are 0 s old; the first one has been.
    assert!(ages[0].as_f64() > Some(0.0), "{ages:?}");
    assert_eq!(ages[3], Value::from(0.0));
}
