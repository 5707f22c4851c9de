//! `tandem demo`: the whole thing in one process on the loopback interface.

mod caller;
mod pbx;
mod text;
mod wire;

#[cfg(test)]
mod tests;
