//! The configuration file: read, checked whole, and turned into what the floors below ask for.
//!
//! [`load`] gives a [`Config`] or every [`Problem`] at once. [`topology`] and [`setup`] make of it what `balance` and
//! `proxy` work by; [`diff`] says in plain words what a reload changes.

mod address;
mod build;
mod checks;
mod defaults;
mod describe;
mod diff;
mod duration;
mod groups;
mod keys;
mod load;
mod model;
mod nearest;
mod node;
mod notify;
mod peers;
mod problem;
mod reader;
mod routes;
mod secret;
mod sections;
mod values;

pub use build::{Lookup, listener, lookups, setup, shards, topology};
pub use diff::{Change, diff};
pub use keys::{KEYS, Key, Kind, Unset};
pub use load::{capacity_from_json, load, parse, peer_from_json};
pub use model::{
    ActionSpec, Advertise, Config, Http, Listen, MatchSpec, Node, NodeSecret, RouteSpec, Secret,
    SourceSpec, Store,
};
pub use notify::{Notify, Occasion, Receiver};
pub use problem::{Invalid, Place, Problem};
pub use reader::{Surroundings, System, is_reference};

#[cfg(test)]
mod tests;
