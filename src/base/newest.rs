//! Lists that keep the newest.

use std::collections::VecDeque;

/// Keeps one more, behind the others; of at most so many, the oldest makes room.
pub fn keep_newest<T>(kept: &mut VecDeque<T>, newest: T, most: usize) {
    if kept.len() >= most {
        kept.pop_front();
    }
    kept.push_back(newest);
}
