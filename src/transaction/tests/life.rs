//! Whatever happens to transactions, each ends, once, and leaves nothing behind.

use std::collections::HashSet;

use proptest::prelude::*;
use slotmap::{Key as _, KeyData};

use super::harness::{LISTENER, Request, Sent, World, owner, peer, read};
use crate::base::limits::INVITE_PROCEEDING_MAX;
use crate::sip::Method;
use crate::transaction::{ClientRequest, Event, Full, ServerKey};

#[derive(Clone, Debug)]
enum Operation {
    Request {
        invite: bool,
        number: u8,
        legacy: bool,
    },
    Ack {
        number: u8,
        legacy: bool,
    },
    Respond {
        which: usize,
        status: u16,
    },
    Trying {
        which: usize,
        wait_ms: u64,
    },
    Send {
        invite: bool,
        reliable: bool,
    },
    Hear {
        which: usize,
        status: u16,
    },
    Cancel(usize),
    Abandon(usize),
    Fail(usize),
    Wait(u64),
}

fn operation() -> impl Strategy<Value = Operation> {
    let status = || {
        prop_oneof![
            Just(100u16),
            Just(180),
            Just(200),
            Just(486),
            Just(503),
            Just(603)
        ]
    };
    let wait = prop_oneof![0..300u64, 0..40_000u64, 0..4_000_000u64];
    prop_oneof![
        4 => (any::<bool>(), 0..4u8, any::<bool>())
            .prop_map(|(invite, number, legacy)| Operation::Request { invite, number, legacy }),
        2 => (0..4u8, any::<bool>()).prop_map(|(number, legacy)| Operation::Ack { number, legacy }),
        4 => (any::<usize>(), status()).prop_map(|(which, status)| Operation::Respond { which, status }),
        1 => (any::<usize>(), 0..500u64).prop_map(|(which, wait_ms)| Operation::Trying { which, wait_ms }),
        4 => (any::<bool>(), any::<bool>()).prop_map(|(invite, reliable)| Operation::Send { invite, reliable }),
        6 => (any::<usize>(), status()).prop_map(|(which, status)| Operation::Hear { which, status }),
        2 => any::<usize>().prop_map(Operation::Cancel),
        2 => any::<usize>().prop_map(Operation::Abandon),
        1 => any::<usize>().prop_map(Operation::Fail),
        6 => wait.prop_map(Operation::Wait),
    ]
}

/// Everything that was opened, and every end that was announced.
#[derive(Default)]
struct Lives {
    now_ms: u64,
    servers: Vec<ServerKey>,
    clients: Vec<Sent>,
    ended: HashSet<(bool, KeyData)>,
}

impl Lives {
    fn request(&mut self, world: &mut World, method: &str, number: u8, legacy: bool) {
        let plain = Request {
            call_id: format!("call-{number}"),
            ..Request::legacy(method)
        };
        let branch = format!("z9hG4bK{number}");
        let request = if legacy {
            plain
        } else {
            plain.branch(branch.as_bytes())
        };
        let bytes = if method == "ACK" {
            request.tagged("ours").bytes()
        } else {
            request.bytes()
        };
        if world.receive(&bytes).is_none() && method != "ACK" {
            self.servers.push(world.open_server(&bytes));
        }
    }

    fn apply(&mut self, world: &mut World, operation: Operation) {
        let count = self.clients.len().max(1);
        let client = |which: usize| self.clients.get(which % count);
        match operation {
            Operation::Request {
                invite,
                number,
                legacy,
            } => {
                self.request(world, if invite { "INVITE" } else { "BYE" }, number, legacy);
            }
            Operation::Ack { number, legacy } => self.request(world, "ACK", number, legacy),
            Operation::Respond { which, status } => {
                if let Some(key) = self.servers.get(which % self.servers.len().max(1)) {
                    world.respond(*key, status);
                }
            }
            Operation::Trying { which, wait_ms } => {
                if let Some(key) = self.servers.get(which % self.servers.len().max(1)) {
                    world.trying(*key, self.now_ms + wait_ms, &Request::new("INVITE"));
                }
            }
            Operation::Send { invite, reliable } => {
                let sent = world.send_over(if invite { "INVITE" } else { "BYE" }, reliable);
                self.clients.push(sent);
            }
            Operation::Hear { which, status } => {
                client(which).map(|sent| world.hear(sent, status));
            }
            Operation::Cancel(which) => {
                client(which).map(|sent| world.table.cancel(world.now(), sent.key));
            }
            Operation::Abandon(which) => {
                if let Some(sent) = client(which) {
                    world.table.abandon(sent.key);
                }
            }
            Operation::Fail(which) => {
                if let Some(sent) = client(which) {
                    world.table.transport_failed(world.now(), sent.key);
                }
            }
            Operation::Wait(milliseconds) => {
                self.now_ms += milliseconds;
                let now = world.at(self.now_ms);
                world.table.handle_timeout(now);
            }
        }
    }

    fn note_ends(&mut self, world: &mut World) {
        while world.table.poll_transmit().is_some() {}
        while let Some(event) = world.table.poll_event() {
            let end = match event {
                Event::TimedOut(key, _)
                | Event::TransportFailed(key, _)
                | Event::ClientGone(key, _) => {
                    assert!(world.table.request_of(key).is_none(), "its key is stale");
                    (false, key.data())
                }
                Event::NoAck(key, _) | Event::ServerGone(key, _) => {
                    assert!(world.table.server_state(key).is_none(), "its key is stale");
                    (true, key.data())
                }
            };
            assert!(self.ended.insert(end), "one end for each transaction");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_transaction_ends_exactly_once_and_leaves_nothing_behind(
        operations in proptest::collection::vec(operation(), 1..120),
    ) {
        let (mut world, mut lives) = (World::new(), Lives::default());
        for operation in operations {
            lives.apply(&mut world, operation);
            lives.note_ends(&mut world);
            let counts = world.table.counts();
            prop_assert_eq!(world.table.timers.len(), counts.server + counts.client, "one timer each");
            prop_assert_eq!(world.table.servers_by_identity.len(), counts.server);
            prop_assert_eq!(world.table.clients_by_branch.len(), counts.client);
        }
        let longest = INVITE_PROCEEDING_MAX.as_millis() as u64 + 100_000;
        lives.apply(&mut world, Operation::Wait(longest));
        lives.note_ends(&mut world);
        prop_assert!(world.table.servers.is_empty() && world.table.clients.is_empty());
        prop_assert_eq!(world.table.next_timeout(), None);
        for key in &lives.servers {
            prop_assert!(lives.ended.contains(&(true, key.data())));
        }
        for sent in &lives.clients {
            prop_assert!(lives.ended.contains(&(false, sent.key.data())));
        }
    }
}

#[test]
fn a_full_table_sends_no_new_request_but_still_cancels() {
    let mut world = World::new();
    world.table.clients_max = 3;
    let [first, _, _] = ["INVITE", "BYE", "BYE"].map(|method| world.send(method));
    world.seen();
    let request = ClientRequest {
        listener: LISTENER,
        destination: peer(),
        branch: world.table.mint_branch(),
        method: Method::Bye,
        payload: Request::new("BYE").bytes(),
        reliable: false,
    };
    let refused = world
        .table
        .open_client(world.now(), request.clone(), owner());
    assert_eq!((refused, world.seen()), (Err(Full), vec![]));
    world.hear(&first, 180);
    assert!(
        world.table.cancel(world.now(), first.key),
        "a CANCEL makes room"
    );
    assert_eq!(world.table.counts().client, 4);
    world.run_to(100_000);
    assert!(
        world
            .table
            .open_client(world.now(), request, owner())
            .is_ok()
    );
}

#[test]
fn a_full_table_refuses_new_requests_and_keeps_serving_the_old_ones() {
    let mut world = World::new();
    world.table.servers_max = 2;
    let key = world.open_server(&Request::new("INVITE").bytes());
    world.open_server(&Request::new("BYE").bytes());
    let now = world.now();
    let mut open = |request: &[u8]| {
        let table = &mut world.table;
        read(request, |message| {
            table.open_server(now, message, LISTENER, peer(), None)
        })
    };
    assert_eq!(open(&Request::new("INFO").bytes()), Err(Full));
    assert!(world.respond(key, 486));
    world.run_to(100_000);
    let now = world.now();
    let opened = read(&Request::new("INFO").bytes(), |message| {
        world
            .table
            .open_server(now, message, LISTENER, peer(), None)
    });
    assert!(opened.is_ok());
}

#[test]
fn a_transaction_whose_end_has_passed_sends_nothing_on_waking() {
    let mut world = World::new();
    let key = world.open_server(&Request::new("BYE").bytes());
    world.trying(key, 200, &Request::new("BYE"));
    assert_eq!(world.jump_to(50_000), ["50000 ServerGone"]);
}

#[test]
fn t1_of_zero_neither_spins_nor_floods() {
    let mut world = World::new();
    let zero = std::time::Duration::ZERO;
    world.table.set_durations(crate::transaction::Durations {
        t1: zero,
        t2: zero,
        t4: zero,
    });
    world.send("BYE");
    let seen = world.run_to(1_000);
    assert_eq!(
        seen.len(),
        1 + 63 + 1,
        "one each millisecond until Timer F at 64"
    );
    assert_eq!(seen[64], "64 TimedOut");
}

#[test]
fn other_durations_hold_for_what_comes_next() {
    let mut world = World::new();
    world.send("INVITE");
    let mut durations = crate::transaction::Durations::default();
    durations.t1 /= 5;
    world.table.set_durations(durations);
    world.send("INVITE");
    let seen = world.run_to(600);
    assert_eq!(
        seen,
        [
            "0 INVITE",
            "0 INVITE",
            "100 INVITE",
            "300 INVITE",
            "500 INVITE"
        ]
    );
}

#[test]
fn a_lingering_transaction_takes_no_more_than_256_bytes_beside_its_message() {
    assert!(size_of::<crate::transaction::server::Server>() <= 256);
    assert!(size_of::<crate::transaction::client::Client>() <= 256);
}
