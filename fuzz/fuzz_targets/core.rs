//! Any sequence of operations on a core: the steps and what must hold after each are written in
//! `tests/core/sequence/`, where a property test takes them too.
#![no_main]
#![allow(dead_code, reason = "the tests use all of it")]

#[path = "../../tests/core/sequence/mod.rs"]
mod sequence;
#[path = "../../tests/core/text.rs"]
mod text;
#[path = "../../tests/core/world.rs"]
mod world;

use sequence::play;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    play::run(play::steps(bytes));
});
