//! What must be shown.

mod agents;
mod away;
mod cancel;
mod checking;
mod dashboards;
mod dialog;
mod ended;
mod failover;
mod feedback;
mod full;
mod hangup;
mod kamailio;
mod late;
mod loss;
mod operator;
mod outbound;
mod reload;
mod resources;
mod restart;
mod returning;
mod scene;
mod secrets;
mod security;
mod spread;
mod talking;
mod untouched;
