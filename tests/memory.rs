//! What the core keeps of a call that is up, and of one that is over, in bytes that it asked the allocator for.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

#[path = "../benches/replay/calls.rs"]
mod calls;

use calls::Replay;

/// The most that a held call may take, and the most that server transaction, client transaction and context of a finished
/// INVITE, or of a finished BYE, may take for the 32 s that they linger.
const BYTES_MAX: i64 = 1536;

thread_local! {
    static LIVE: Cell<i64> = const { Cell::new(0) };
}

/// The system's allocator, knowing how many bytes this thread holds.
struct Weighed;

fn add(bytes: usize) {
    LIVE.set(LIVE.get() + bytes as i64);
}

fn take(bytes: usize) {
    LIVE.set(LIVE.get() - bytes as i64);
}

// SAFETY: every call goes to the system's allocator as it came; the count has no destructor, so it
// can be reached for as long as the thread runs.
unsafe impl GlobalAlloc for Weighed {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        take(layout.size());
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        take(layout.size());
        add(size);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Weighed = Weighed;

/// Calls before the first look, and again before the second. Tables grow by doubling: from just below one power of two to
/// just below the next their size goes with what is in them.
const CALLS: usize = 1000;

/// Bytes a call that `calls` leave behind.
fn slope(mut calls: impl FnMut(usize)) -> i64 {
    (0..CALLS).for_each(&mut calls);
    let before = LIVE.get();
    (CALLS..2 * CALLS).for_each(&mut calls);
    (LIVE.get() - before) / CALLS as i64
}

#[test]
fn a_held_call_and_a_finished_transaction_take_little_memory() {
    let mut replay = Replay::new();
    let held = slope(|number| {
        replay.set_up(number);
        // A few at a time, and their transactions have gone before the next come.
        if number % 64 == 63 {
            replay.pass(Duration::from_secs(40));
        }
    });
    let mut replay = Replay::new();
    let set_up = slope(|number| drop(replay.set_up(number)));
    let mut replay = Replay::new();
    let finished = slope(|number| replay.call(number));
    let invite = set_up - held;
    let bye = finished - invite;
    println!("bytes: {held} a held call, {invite} a finished INVITE, {bye} a finished BYE");
    assert!(held <= BYTES_MAX, "{held} bytes a held call");
    assert!(invite <= BYTES_MAX, "{invite} bytes a finished INVITE");
    assert!(bye <= BYTES_MAX, "{bye} bytes a finished BYE");
}
