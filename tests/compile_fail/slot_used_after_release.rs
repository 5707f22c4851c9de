use tandem::balance::{EndCause, PeerId, Slot};

fn after(slot: Slot) -> PeerId {
    slot.release(EndCause::Bye);
    slot.peer()
}

fn main() {}
