//! The HTTP API: feedback, operation, and what there is to see.

mod control;
pub mod model;

pub use control::{
    CallQuery, CallTotals, Calls, Control, Put, Readiness, Refused, Reply, RouteChoice,
    RouteOutcome,
};
