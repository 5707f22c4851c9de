use tandem::balance::{EndCause, Slot};

fn twice(slot: Slot) {
    slot.release(EndCause::Bye);
    slot.release(EndCause::Bye);
}

fn main() {}
