//! The torture tests of RFC 4475 and RFC 5118: what each section demands of a proxy, the bytes that
//! come through, and the message that a hop makes of it.

#[path = "torture/cases.rs"]
mod cases;
#[path = "torture/details.rs"]
mod details;
#[path = "torture/details_ipv6.rs"]
mod details_ipv6;
#[path = "torture/invariants.rs"]
mod invariants;
#[path = "torture/outcomes.rs"]
mod outcomes;
#[path = "torture/properties.rs"]
mod properties;
#[path = "torture/rsip_agrees.rs"]
mod rsip_agrees;
#[path = "torture/wire.rs"]
mod wire;
