//! Any sequence of operations on a real core: after each step every slot is owned, every wait will end, and once all have
//! fallen silent nothing is left. The fuzzer runs the same.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::sequence::play::{self, Step};

/// Many more when `TANDEM_SEQUENCES` says so, and then each time others.
fn runner() -> TestRunner {
    let more: Option<u32> = std::env::var("TANDEM_SEQUENCES")
        .ok()
        .and_then(|text| text.parse().ok());
    let config = Config {
        cases: more.unwrap_or(150),
        failure_persistence: None,
        ..Config::default()
    };
    match more {
        Some(_) => TestRunner::new(config),
        None => {
            let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
            TestRunner::new_with_rng(config, rng)
        }
    }
}

#[test]
fn whatever_happens_every_slot_is_owned_and_every_wait_ends() {
    let steps = prop::collection::vec(any::<Step>(), 0..250);
    let ran = runner().run(&steps, |steps| {
        play::run(&steps);
        Ok(())
    });
    ran.unwrap_or_else(|failed| panic!("{failed}"));
}

#[test]
fn the_seeds_of_the_fuzzer_hold() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/core");
    let mut read = 0;
    for entry in std::fs::read_dir(folder).expect("the folder of seeds") {
        let path = entry.expect("an entry").path();
        let bytes = std::fs::read(&path).expect("a seed");
        play::run(play::steps(&bytes));
        read += 1;
    }
    assert!(read > 0, "no seeds in {folder}");
}
