//! Two cores: tests that make load or measure time must not share them with others.
//!
//! The lock is a file's, so it also holds between test binaries and under runners that start a process a test.

use std::fs::File;

/// Held for the length of a test.
pub struct Turn(#[allow(dead_code, reason = "held, never read")] File);

fn file() -> File {
    let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/e2e.lock");
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .expect("the lock file can be opened")
}

/// A turn beside other light tests.
pub fn shared() -> Turn {
    let file = file();
    file.lock_shared().expect("flock");
    Turn(file)
}

/// A turn alone on the machine.
pub fn alone() -> Turn {
    let file = file();
    file.lock().expect("flock");
    Turn(file)
}
