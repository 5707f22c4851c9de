//! What threads share: the real thing, or under the feature `loom` one that explores every order in which threads may
//! come to it (`tests/loom/`). With that feature nothing here works outside of a model.

#[cfg(not(feature = "loom"))]
pub use arc_swap::ArcSwap;
#[cfg(not(feature = "loom"))]
pub use parking_lot::Mutex;

#[cfg(feature = "loom")]
pub use explored::{ArcSwap, Mutex};

#[cfg(feature = "loom")]
mod explored {
    use std::sync::Arc;

    use loom::sync::MutexGuard;

    /// `parking_lot::Mutex`, as far as it is used.
    pub struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        /// A lock around a value.
        pub fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        /// Waits for the lock.
        pub fn lock(&self) -> MutexGuard<'_, T> {
            // loom's lock is never poisoned: a panic ends the model.
            self.0.lock().expect("a lock that nobody poisons")
        }
    }

    /// `arc_swap::ArcSwap`, as far as it is used. Each load and each store is one step; threads agree on their order.
    pub struct ArcSwap<T>(Mutex<Arc<T>>);

    impl<T> ArcSwap<T> {
        /// What was stored last, for a moment.
        pub fn load(&self) -> Arc<T> {
            self.load_full()
        }

        /// What was stored last.
        pub fn load_full(&self) -> Arc<T> {
            self.0.lock().clone()
        }

        /// Replaces it.
        pub fn store(&self, value: Arc<T>) {
            *self.0.lock() = value;
        }
    }

    impl<T: Default> Default for ArcSwap<T> {
        fn default() -> Self {
            Self(Mutex::new(Arc::default()))
        }
    }
}
