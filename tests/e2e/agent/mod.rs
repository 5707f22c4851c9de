//! SIP agents of the tests' own: they share no code with the proxy that they judge.

mod caller;
pub mod exchange;
pub mod leg;
pub mod pbx;
pub mod phone;
pub mod repeat;
pub mod scripted;
pub mod text;
pub mod wire;
