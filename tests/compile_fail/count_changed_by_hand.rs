use tandem::balance::{Demand, EndCause, Ledger, PeerId};

fn by_hand(ledger: &Ledger, peer: PeerId, demand: &Demand) {
    ledger.give_back(peer, demand, Default::default(), EndCause::Bye);
}

fn main() {}
