use std::sync::Arc;
use tandem::balance::{Demand, Ledger, PeerId, Slot};

fn made(ledger: Arc<Ledger>, peer: PeerId, demand: Demand) {
    Slot::new(ledger, peer, demand, Default::default());
}

fn main() {}
