//! What holds where the file says nothing, beside the defaults that `balance` has of its own.

use std::net::Ipv4Addr;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net};

use crate::proxy::{Timing, Trust, Unknown};

/// The group that is there when the file has none.
pub(super) const GROUP: &str = "pbx";
/// What a call takes when its route does not say.
pub(super) const RESOURCE: &str = "calls";

pub(super) fn trust() -> Trust {
    let net = |first: u8| {
        Ipv4Net::new(Ipv4Addr::new(first, 0, 0, 0), 8)
            .map(IpNet::V4)
            .ok()
    };
    Trust {
        sources: [127, 10].into_iter().filter_map(net).collect(),
        unknown: Unknown::Reject,
        per_source_cps: 500,
        burst: 1000,
    }
}

pub(super) fn timing() -> Timing {
    Timing {
        t1: Duration::from_millis(500),
        try_: Duration::from_secs(2),
        ring: Duration::from_secs(180),
        call_max: Duration::from_secs(4 * 3600),
        session_grace: Duration::from_secs(32),
        check: None,
    }
}
