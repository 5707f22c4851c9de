//! What every case needs to run the real binary and its real neighbours.

pub mod browser;
pub mod child;
pub mod http;
pub mod lock;
pub mod metrics;
pub mod net;
pub mod postgres;
pub mod prometheus;
pub mod receiver;
pub mod rows;
pub mod sipp;
pub mod stall;
pub mod tandem;
pub mod wait;
