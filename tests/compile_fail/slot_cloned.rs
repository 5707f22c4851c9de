use tandem::balance::Slot;

fn twice(slot: Slot) -> (Slot, Slot) {
    (slot.clone(), slot)
}

fn main() {}
