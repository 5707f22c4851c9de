//! How long the machine lets a thread wait that only wants to run: what no program on it can be blamed for.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const STEP: Duration = Duration::from_millis(2);
/// Turns that are remembered: some seconds.
const KEPT: usize = 2048;

/// A thread that does nothing but sleep, and notes how much too long.
pub struct Watch {
    late: Arc<Mutex<VecDeque<(Instant, Duration)>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub fn start() -> Self {
        let late = Arc::<Mutex<VecDeque<_>>>::default();
        let stop = Arc::new(AtomicBool::new(false));
        let (notes, stopped) = (Arc::clone(&late), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let begun = Instant::now();
                std::thread::sleep(STEP);
                let over = begun.elapsed().saturating_sub(STEP);
                let mut notes = notes.lock().expect("nobody panics with the lock");
                if notes.len() >= KEPT {
                    notes.pop_front();
                }
                notes.push_back((begun, over));
            }
        });
        Self {
            late,
            stop,
            thread: Some(thread),
        }
    }

    /// The longest that it was kept waiting in a turn that was under way between `from` and `to`.
    pub fn worst(&self, from: Instant, to: Instant) -> Duration {
        let notes = self.late.lock().expect("the watch is well");
        let within = notes
            .iter()
            .filter(|(at, over)| *at + *over + STEP >= from && *at <= to);
        within.map(|(_, over)| *over).max().unwrap_or_default()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
