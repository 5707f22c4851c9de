#![deny(unused_must_use)]

use tandem::balance::{Demand, Ledger, Mark, PeerId};

fn ignored(ledger: &std::sync::Arc<Ledger>, peer: PeerId, demand: &Demand) {
    ledger.readmit(peer, demand, Mark::Restored);
}

fn main() {}
