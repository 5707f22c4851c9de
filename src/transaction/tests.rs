//! Input to exact output, in virtual time: what left and which event came, each with its millisecond.

mod cancel;
mod client_invite;
mod client_other;
mod harness;
mod life;
mod lossy;
mod matching;
mod server_invite;
mod server_other;
