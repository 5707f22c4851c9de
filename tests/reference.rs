//! `docs/CONFIG.md` and `docs/METRICS.md` are written from the code, and what they say of keys is what the reader does.
//!
//! `TANDEM_WRITE_DOCS=1 cargo test --test reference` writes them anew.

#[path = "reference/keys.rs"]
mod keys;
#[path = "reference/pages.rs"]
mod pages;
