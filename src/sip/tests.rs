//! Tests of the message layer by part; the torture messages are in `tests/torture`.

mod build;
mod edit;
mod parse;
mod via;

/// A request that is well-formed, with these lines above the empty one and this top Via.
fn request(via: &str, more: &str) -> String {
    format!(
        "INVITE sip:bob@pbx.example SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\n\
         From: <sip:alice@a.example>;tag=f1\r\nTo: <sip:bob@pbx.example>\r\n\
         Call-ID: c1@a.example\r\nCSeq: 3 INVITE\r\n{more}\r\n"
    )
}

const VIA: &str = "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1";
