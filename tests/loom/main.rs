//! Every order in which shards may come to the ledger, explored by loom: the ledger itself, with its locks exchanged for
//! loom's (`src/base/sync.rs`). `cargo test --features loom --test loom`; docs/PROOF.md says what that proves.

mod books;
mod capacity;
mod changes;
mod failing_over;
mod health;
mod table;
