//! Floor 1: the message layer. A view of a message over the bytes it came in, edits by offset, and the
//! few messages that we write ourselves.
//!
//! ```
//! use tandem::sip::{Edits, Index, Method, parse};
//!
//! let datagram = b"OPTIONS sip:pbx.example SIP/2.0\r\n\
//!     Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1;rport\r\n\
//!     From: <sip:a@example.com>;tag=1\r\nTo: <sip:pbx.example>\r\n\
//!     Call-ID: 7\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n\r\n";
//! let mut index = Index::new();
//! let message = parse(datagram, &mut index).expect("it is well-formed");
//! assert_eq!(message.method(), Method::Options);
//!
//! let mut edits = Edits::new();
//! edits.stamp_received(&message, "192.0.2.1:5070".parse().expect("an address"));
//! edits.set_max_forwards(&message, 69);
//! let mut out = Vec::new();
//! edits.apply(message.bytes(), &mut out);
//! let out = String::from_utf8(out).expect("text went in");
//! assert!(out.contains(";branch=z9hG4bK1;rport=5070;received=192.0.2.1\r\n"));
//! assert!(out.contains("Max-Forwards: 69\r\n"));
//! ```

pub mod build;
mod chars;
mod edit;
mod error;
mod header_name;
mod host;
mod index;
mod lines;
mod message;
mod method;
mod name_addr;
mod params;
mod parse;
mod probe;
mod sniff;
mod span;
mod stamp;
mod start_line;
mod uri;
mod values;
mod via;
mod words;

pub use build::{ack_for, cancel_for, reason_phrase, response};
pub use edit::Edits;
pub use error::ParseError;
pub use header_name::HeaderName;
pub use host::Host;
pub use index::Index;
pub use message::{Header, Message};
pub use method::Method;
pub use name_addr::NameAddr;
pub use parse::{parse, parse_for_reject, parse_own};
pub use probe::{ProbeTemplate, options_probe};
pub use sniff::sniff;
pub use span::Span;
pub use uri::{Scheme, Uri};
pub use values::Value;
pub use via::{Rport, Via};

#[cfg(test)]
mod tests;
