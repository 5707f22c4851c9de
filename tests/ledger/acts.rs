//! What may happen to a ledger.

use proptest::prelude::*;
use tandem::balance::{Admin, Step};

/// The resources of the model.
pub const RESOURCES: [&str; 2] = ["calls", "conference"];
/// The number of its peers.
pub const PEERS: usize = 4;

#[derive(Clone, Debug)]
pub enum Act {
    Reserve {
        step: Step,
        units: [u32; 2],
        tried: u8,
    },
    Readmit {
        peer: usize,
        units: [u32; 2],
    },
    Release(prop::sample::Index),
    Admin(usize, Admin),
    Feedback {
        peer: usize,
        used: Option<u64>,
        max: Option<u64>,
        idle: Option<u8>,
    },
    Resize {
        peer: usize,
        resource: usize,
        capacity: u32,
    },
    Pass(u64),
    Reload,
}

/// Any act, the frequent ones more often.
pub fn act() -> impl Strategy<Value = Act> {
    let units = || prop_oneof![4 => Just([1, 0]), 1 => Just([1, 1]), 1 => Just([2, 3])];
    let step = prop_oneof![
        8 => Just(Step::Balance),
        2 => Just(Step::Failover),
        1 => Just(Step::Dispatch),
        1 => Just(Step::Overflow),
    ];
    let admin = prop_oneof![
        3 => Just(Admin::Enabled),
        1 => Just(Admin::Disabled),
        1 => Just(Admin::Draining),
    ];
    let feedback = (
        0..PEERS,
        prop::option::of(0u64..30),
        prop::option::of(0u64..30),
        prop::option::of(0u8..=100),
    );
    prop_oneof![
        10 => (step, units(), 0u8..16).prop_map(|(step, units, tried)| Act::Reserve { step, units, tried }),
        1 => (0..PEERS, units()).prop_map(|(peer, units)| Act::Readmit { peer, units }),
        6 => any::<prop::sample::Index>().prop_map(Act::Release),
        1 => (0..PEERS, admin).prop_map(|(peer, admin)| Act::Admin(peer, admin)),
        3 => feedback.prop_map(|(peer, used, max, idle)| Act::Feedback { peer, used, max, idle }),
        1 => (0..PEERS, 0..2usize, 0u32..20)
            .prop_map(|(peer, resource, capacity)| Act::Resize { peer, resource, capacity }),
        2 => (0u64..12_000).prop_map(Act::Pass),
        1 => Just(Act::Reload),
    ]
}
