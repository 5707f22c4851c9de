//! What `balance` and `proxy` get of a configuration.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use super::good;
use crate::balance::{Directory, Ledger};
use crate::base::transport::Transport;
use crate::config::{Config, Lookup, lookups, setup, topology};
use crate::proxy::{RouteAction, Setup, SourceMatch};

const TWO: &str = "[[peer]]\nname = \"a\"\nuri = \"sip:10.0.0.1\"\ncapacity = { calls = 5, mixing = 2 }\n\
                   [[peer]]\nname = \"b\"\nuri = \"sip:pbx.example:5070\"\n";

fn directory(config: &Config) -> Arc<Directory> {
    let ledger = Ledger::new(&topology(config, &HashMap::new()), 1, Instant::now());
    ledger.expect("what was checked can be built").directory()
}

fn built(text: &str, directory_of: &str) -> Setup {
    setup(&good(text), directory(&good(directory_of)), Vec::new())
}

#[test]
fn names_are_looked_up_and_addresses_filled_in() {
    let config = good(TWO);
    let wanted = Lookup {
        peer: "b".into(),
        host: "pbx.example".to_owned(),
        port: Some(5070),
        transport: Transport::Udp,
    };
    assert_eq!(lookups(&config.peers), [wanted]);
    let found = vec!["192.0.2.1:5070".parse().expect("an address")];
    let resolved = HashMap::from([("b".into(), found.clone()), ("a".into(), found.clone())]);
    let topology = topology(&config, &resolved);
    assert_eq!(topology.peers[1].addresses, found);
    assert_eq!(
        topology.peers[0].addresses,
        ["10.0.0.1:5060".parse().expect("an address")]
    );
}

#[test]
fn a_route_carries_the_ids_of_what_it_names() {
    let routes = "[[route]]\ngroup = \"pbx\"\nresources = { mixing = 2 }\nmatch = { source = \"peer:a\", header.X-A = \"1\" }\n\
                  [[route]]\nuri = \"sip:carrier.example\"\noverflow = true\n";
    let text = format!("{TWO}{routes}");
    let setup = built(&text, &text);
    let directory = &setup.directory;
    let (first, second) = (&setup.routes[0], &setup.routes[1]);
    let mixing = directory.resource_named("mixing").expect("it is offered");
    assert_eq!(first.demand.items(), [(mixing, 2)]);
    let group = directory.group_named("pbx").expect("the default group");
    assert_eq!(first.action, RouteAction::Group(group));
    let peer = directory.peer_named("a").expect("peer a");
    assert_eq!(first.matches.source, Some(SourceMatch::Peer(peer)));
    assert_eq!(first.matches.headers[0].0, "X-A");
    assert_eq!(
        second.action,
        RouteAction::Uri("sip:carrier.example".to_owned())
    );
    assert!(second.overflow && second.count_source && second.number == 2);
    assert!(setup.shards >= 1);
}

#[test]
fn a_route_whose_peer_was_taken_away_stays_and_covers_nothing() {
    let one = "[[peer]]\nname = \"b\"\nuri = \"sip:10.0.0.2\"\n";
    let routes =
        "[[route]]\ngroup = \"pbx\"\nresources = [\"mixing\"]\nmatch = { source = \"peer:a\" }\n";
    let setup = built(&format!("{TWO}{routes}"), one);
    let route = &setup.routes[0];
    assert_eq!(route.matches.source, Some(SourceMatch::Nobody));
    assert_eq!(
        route.action,
        RouteAction::Reject(503),
        "nobody offers mixing any more"
    );
    assert!(!route.count_source);
}
