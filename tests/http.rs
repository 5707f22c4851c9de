//! The HTTP API over a real socket, with the process behind it played by fakes: every status of every endpoint.

#[path = "http/access.rs"]
mod access;
#[path = "http/calls.rs"]
mod calls;
#[path = "http/client.rs"]
mod client;
#[path = "../benches/message/counted.rs"]
mod counted;
#[path = "http/description.rs"]
mod description;
#[path = "http/economy.rs"]
mod economy;
#[path = "http/events.rs"]
mod events;
#[path = "http/explain.rs"]
mod explain;
#[path = "http/fakes.rs"]
mod fakes;
#[path = "http/feedback.rs"]
mod feedback;
#[path = "http/history.rs"]
mod history;
#[path = "http/limits.rs"]
mod limits;
#[path = "http/operation.rs"]
mod operation;
#[path = "http/page.rs"]
mod page;
#[path = "http/peers.rs"]
mod peers;
#[path = "http/server.rs"]
mod server;

#[global_allocator]
static ALLOCATOR: counted::Counted = counted::Counted;
