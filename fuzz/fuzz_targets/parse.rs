//! Any datagram at all: what holds is written in `tests/torture/invariants.rs`, where the property
//! tests use it too.
#![no_main]

#[path = "../../tests/torture/invariants.rs"]
mod invariants;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    invariants::check(bytes);
});
