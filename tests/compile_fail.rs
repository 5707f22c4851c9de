//! What the compiler refuses: a slot has one owner, and comes back once.

#[test]
fn a_slot_cannot_be_cloned_forged_ignored_released_twice_or_used_after_release() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
