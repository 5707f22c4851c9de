use std::sync::Arc;
use tandem::balance::{Demand, Ledger, PeerId, Slot};

fn forged(ledger: Arc<Ledger>, peer: PeerId, demand: Demand) -> Slot {
    Slot {
        ledger,
        peer,
        demand,
        held: true,
    }
}

fn main() {}
