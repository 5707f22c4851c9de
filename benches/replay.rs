//! A fixed number of calls through the core, for counting instructions: `scripts/instructions` does that.
//! Nothing is timed here.

#[path = "replay/calls.rs"]
#[allow(dead_code, reason = "tests/memory.rs uses the rest")]
mod calls;

fn main() {
    let calls = std::env::args()
        .find_map(|word| word.parse().ok())
        .unwrap_or(1000);
    let mut replay = calls::Replay::new();
    for number in 0..calls {
        replay.call(number);
    }
    let stats = replay.core.stats();
    let answered: u64 = stats.groups.values().map(|group| group.outcomes[0]).sum();
    println!(
        "{answered} of {calls} calls answered, {} transactions linger",
        stats.transactions
    );
    assert_eq!(answered, calls as u64);
}
