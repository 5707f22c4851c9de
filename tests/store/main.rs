//! The store on SQLite and on PostgreSQL, which the tests start themselves.

#[path = "../e2e/harness/postgres.rs"]
mod postgres;

mod fakes;
mod schema;
mod writing;
