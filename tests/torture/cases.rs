//! What each section of RFC 4475 and RFC 5118 demands.

use tandem::sip::HeaderName::{CSeq, ContentLength, From, To, Via};
use tandem::sip::ParseError::{self, *};

/// A message that is taken, and how a hop changes it.
pub struct Taken {
    pub rfc: &'static str,
    pub name: &'static str,
    /// Max-Forwards as the file has it.
    pub forwards: Option<&'static str>,
    /// The end of the top Via value as the file has it.
    pub via_end: &'static str,
    /// What that end becomes when the request comes from 203.0.113.99:5070.
    pub stamped_end: &'static str,
}

/// A message that is refused.
pub struct Refused {
    pub rfc: &'static str,
    pub name: &'static str,
    pub error: ParseError,
    /// The status line of the answer; `None` for silence.
    pub answer: Option<&'static str>,
}

const fn taken(
    name: &'static str,
    forwards: Option<&'static str>,
    via_end: &'static str,
    stamped_end: &'static str,
) -> Taken {
    let rfc = "rfc4475";
    Taken {
        rfc,
        name,
        forwards,
        via_end,
        stamped_end,
    }
}

const fn v6_taken(name: &'static str, via_end: &'static str, stamped_end: &'static str) -> Taken {
    let rfc = "rfc5118";
    let forwards = Some("70");
    Taken {
        rfc,
        name,
        forwards,
        via_end,
        stamped_end,
    }
}

const fn refused(name: &'static str, error: ParseError, answer: &'static str) -> Refused {
    let rfc = "rfc4475";
    Refused {
        rfc,
        name,
        error,
        answer: Some(answer),
    }
}

const fn ignored(name: &'static str) -> Refused {
    let rfc = "rfc4475";
    Refused {
        rfc,
        name,
        error: BadResponse,
        answer: None,
    }
}

/// Requests that a proxy forwards, or answers above the message layer.
#[rustfmt::skip]
pub const REQUESTS: &[Taken] = &[
    // Section 3.1.1: valid.
    taken("wsinv", Some("0068"), "branch=390skdjuw", "branch=390skdjuw;received=203.0.113.99"),
    taken("intmeth", Some("255"), "%66*_+`'~", "%66*_+`'~;received=203.0.113.99"),
    taken("esc01", Some("87"), "=z9hG4bKkdjuw", "=z9hG4bKkdjuw;received=203.0.113.99"),
    taken("escnull", Some("70"), "=z9hG4bKkdjuw", "=z9hG4bKkdjuw;received=203.0.113.99"),
    taken("esc02", Some("70"), "209%fzsnel234", "209%fzsnel234;received=203.0.113.99"),
    taken("lwsdisp", Some("70"), "=z9hG4bKkdjuw", "=z9hG4bKkdjuw;received=203.0.113.99"),
    taken("longreq", Some("70"), "sip33.example.com", "sip33.example.com;received=203.0.113.99"),
    taken("dblreq", Some("8"), "kdjuw23492", "kdjuw23492;received=203.0.113.99"),
    taken("semiuri", Some("3"), "=z9hG4bKkdjuw", "=z9hG4bKkdjuw;received=203.0.113.99"),
    taken("transports", Some("70"), "=z9hG4bKkdjuw", "=z9hG4bKkdjuw;received=203.0.113.99"),
    taken("mpart01", Some("70"), "1--d87543-;rport", "1--d87543-;rport=5070;received=203.0.113.99"),
    // Section 3.1.2: invalid, but in what is none of a proxy's business (RFC 3261 §16.3 step 1).
    taken("baddate", Some("70"), "=z9hG4bKkdjuw", "=z9hG4bKkdjuw;received=203.0.113.99"),
    taken("regbadct", Some("70"), "=z9hG4bKkdjuw", "=z9hG4bKkdjuw;received=203.0.113.99"),
    taken("badaspec", Some("70"), "kdju43234", "kdju43234;received=203.0.113.99"),
    taken("baddn", Some("70"), "=z9hG4bKkdjuw", "=z9hG4bKkdjuw;received=203.0.113.99"),
    // Section 3.2: transactions.
    taken("badbranch", Some("3"), "branch=z9hG4bK", "branch=z9hG4bK;received=203.0.113.99"),
    // Section 3.3: the application layer.
    taken("unkscm", Some("3"), "kdjuw39234", "kdjuw39234;received=203.0.113.99"),
    taken("novelsc", Some("3"), "kdjuw39234", "kdjuw39234;received=203.0.113.99"),
    taken("unksm2", Some("70"), "=z9hG4bKkdjuw", "=z9hG4bKkdjuw;received=203.0.113.99"),
    taken("bext01", Some("6"), "=z9hG4bKkdjuw", "=z9hG4bKkdjuw;received=203.0.113.99"),
    taken("invut", Some("70"), "=z9hG4bKkdjuw", "=z9hG4bKkdjuw;received=203.0.113.99"),
    taken("regaut01", Some("8"), "=z9hG4bKkdjuw", "=z9hG4bKkdjuw;received=203.0.113.99"),
    taken("zeromf", Some("0"), "kdjuw2349i", "kdjuw2349i;received=203.0.113.99"),
    taken("cparam01", Some("70"), "=z9hG4bKkdjuw", "=z9hG4bKkdjuw;received=203.0.113.99"),
    taken("cparam02", Some("70"), "=z9hG4bKkdjuw", "=z9hG4bKkdjuw;received=203.0.113.99"),
    taken("regescrt", Some("70"), "=z9hG4bKkdjuw", "=z9hG4bKkdjuw;received=203.0.113.99"),
    taken("sdp01", Some("5"), "=z9hG4bKkdjuw", "=z9hG4bKkdjuw;received=203.0.113.99"),
    // Section 3.4: RFC 2543.
    taken("inv2543", None, "iftgw.example.com", "iftgw.example.com;received=203.0.113.99"),
    // RFC 5118.
    v6_taken("ipv6-good", "bKas3-111", "bKas3-111;received=203.0.113.99"),
    v6_taken("port-ambiguous", "bKas3-111", "bKas3-111;received=203.0.113.99"),
    v6_taken("port-unambiguous", "bKas3-111", "bKas3-111;received=203.0.113.99"),
    v6_taken("via-received-param-with-delim", "received=[2001:db8::9:255];branch=z9hG4bKas3-111",
        "received=203.0.113.99;branch=z9hG4bKas3-111"),
    v6_taken("via-received-param-no-delim", "received=2001:db8::9:255;branch=z9hG4bKas3",
        "received=203.0.113.99;branch=z9hG4bKas3"),
    v6_taken("ipv6-in-sdp", "bKas3-111", "bKas3-111;received=203.0.113.99"),
    v6_taken("mult-ip-in-header", "bKas3-111", "bKas3-111;received=203.0.113.99"),
    v6_taken("mult-ip-in-sdp", "bKas3-111", "bKas3-111;received=203.0.113.99"),
    v6_taken("ipv4-mapped-ipv6", "=z9hG4bKbh19", "=z9hG4bKbh19;received=203.0.113.99"),
    v6_taken("ipv6-bug-abnf-3-colons", "bKas3-111", "bKas3-111;received=203.0.113.99"),
    v6_taken("ipv6-correct-abnf-2-colons", "bKas3-111", "bKas3-111;received=203.0.113.99"),
];

/// Responses that are taken; `via_end` is the whole of the first Via line.
#[rustfmt::skip]
pub const RESPONSES: &[Taken] = &[
    taken("unreason", None, "Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923\r\n", ""),
    taken("noreason", None, "Via: SIP/2.0/UDP 192.0.2.105;branch=z9hG4bK2398ndaoe\r\n", ""),
    taken("bcast", None, "Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923\r\n", ""),
];

/// What is answered by 400 or 505, or met with silence.
#[rustfmt::skip]
pub const REFUSED: &[Refused] = &[
    refused("badinv01", BadHeader(Via), "SIP/2.0 400 Bad Via"),
    refused("clerr", BodyCutShort, "SIP/2.0 400 Body Shorter Than Content-Length"),
    refused("ncl", BadHeader(ContentLength), "SIP/2.0 400 Bad Content-Length"),
    refused("scalar02", BadHeader(CSeq), "SIP/2.0 400 Bad CSeq"),
    ignored("scalarlg"),
    refused("quotbal", BadHeader(To), "SIP/2.0 400 Bad To"),
    refused("ltgtruri", BadUri, "SIP/2.0 400 Bad Request-URI"),
    refused("lwsruri", BadUri, "SIP/2.0 400 Bad Request-URI"),
    refused("lwsstart", BadStartLine, "SIP/2.0 400 Bad Request-Line"),
    refused("trws", BadStartLine, "SIP/2.0 400 Bad Request-Line"),
    refused("escruri", BadUri, "SIP/2.0 400 Bad Request-URI"),
    refused("badvers", BadVersion, "SIP/2.0 505 Version Not Supported"),
    refused("mismatch01", CSeqMethod, "SIP/2.0 400 CSeq Method Differs"),
    refused("mismatch02", CSeqMethod, "SIP/2.0 400 CSeq Method Differs"),
    ignored("bigcode"),
    refused("insuf", MissingHeader(From), "SIP/2.0 400 Missing From"),
    refused("multi01", DuplicateHeader(CSeq), "SIP/2.0 400 Duplicate CSeq"),
    refused("mcl01", DuplicateHeader(ContentLength), "SIP/2.0 400 Duplicate Content-Length"),
    Refused { rfc: "rfc5118", name: "ipv6-bad", error: BadUri,
        answer: Some("SIP/2.0 400 Bad Request-URI") },
];
