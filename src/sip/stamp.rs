//! What the top Via of a request gets on arrival (RFC 3261 §18.2.1, RFC 3581 §4).

use std::io::Write as _;
use std::net::SocketAddr;

use super::{Rport, Span, Via};

/// A parameter to write over a span of the Via value; an empty span at its end appends.
#[derive(Clone, Copy)]
pub(super) struct Stamp {
    pub span: Span,
    text: [u8; Self::MAX],
    length: usize,
}

impl Stamp {
    /// `;received=` and the longest IPv6 address.
    const MAX: usize = 64;

    fn new(span: Span, what: std::fmt::Arguments<'_>) -> Self {
        let mut text = [0; Self::MAX];
        let mut rest = &mut text[..];
        let written = rest.write_fmt(what);
        debug_assert!(written.is_ok());
        let length = Self::MAX - rest.len();
        Self { span, text, length }
    }

    /// The text of the parameter.
    pub(super) fn text(&self) -> &[u8] {
        &self.text[..self.length]
    }
}

/// The stamps for a request from `source`, in the order of their spans.
///
/// `received` is written when sent-by is not the address that the request came from, and always when
/// `rport` is asked for. Values that came with the request are the sender's own claim, and are
/// written over.
pub(super) fn stamps(via: &Via<'_>, source: SocketAddr) -> [Option<Stamp>; 2] {
    let ip = source.ip().to_canonical();
    let end = Span {
        start: via.value.end,
        end: via.value.end,
    };
    let rport = (via.rport != Rport::Absent)
        .then(|| Stamp::new(via.rport_span, format_args!("rport={}", source.port())));
    let received = if via.received.is_some() {
        Some(Stamp::new(via.received_span, format_args!("received={ip}")))
    } else if rport.is_some() || via.host.ip().map(|host| host.to_canonical()) != Some(ip) {
        Some(Stamp::new(end, format_args!(";received={ip}")))
    } else {
        None
    };
    match (received, rport) {
        (Some(first), Some(second)) if second.span.start < first.span.start => {
            [Some(second), Some(first)]
        }
        (first, second) => [first, second],
    }
}
