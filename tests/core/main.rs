//! The core under virtual time: datagrams in, datagrams out, counts after every step.

mod answering;
mod basics;
mod cancelling;
mod checking;
mod deciding;
mod dialogs;
mod dispatching;
mod draining;
mod ending;
mod failing_over;
mod farewells;
mod lost_peers;
mod recovering;
mod refusals;
mod routing;
mod sequence;
mod sequences;
mod shedding;
mod text;
mod vanished;
mod world;
