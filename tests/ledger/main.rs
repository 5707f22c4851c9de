//! Facts about the ledger, from outside: what it promises to the core, the API and the operator.

mod acts;
mod bench_of_facts;
mod choosing;
mod draining;
mod feedback;
mod hashing;
mod health;
mod model;
mod operator;
mod probes;
mod slots;
mod threads;
