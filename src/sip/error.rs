//! Why a datagram is not a message that we take.

use super::HeaderName;

/// Why a datagram was refused. It never holds a byte of the input.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, thiserror::Error)]
pub enum ParseError {
    /// Nothing but line ends, blanks or zeros: a keep-alive, not an error of anyone.
    #[error("keep-alive")]
    KeepAlive,
    /// The first line is neither a request line nor a status line.
    #[error("not SIP")]
    NotSip,
    /// More bytes than a datagram may have.
    #[error("message too long")]
    TooLong,
    /// A response that breaks the grammar; responses are never answered (RFC 3261 §18.1.2).
    #[error("malformed response")]
    BadResponse,
    /// More header lines than we look at.
    #[error("too many headers")]
    TooManyHeaders,
    /// A request line that breaks the grammar of RFC 3261 §7.1.
    #[error("bad start line")]
    BadStartLine,
    /// A SIP version other than 2.0.
    #[error("version not supported")]
    BadVersion,
    /// A Request-URI that breaks the grammar of RFC 3261 §19.1 or §25.1.
    #[error("bad Request-URI")]
    BadUri,
    /// A CR or LF alone inside the head.
    #[error("bad line end")]
    BadLineEnd,
    /// The head has no empty line at its end.
    #[error("head cut short")]
    Truncated,
    /// A header line without a name or a colon.
    #[error("bad header line")]
    BadHeaderLine,
    /// A field that every message must have is not there.
    #[error("{} missing", .0.as_str())]
    MissingHeader(HeaderName),
    /// A field that may be there once is there twice.
    #[error("{} repeated", .0.as_str())]
    DuplicateHeader(HeaderName),
    /// The value of a field that we must read breaks its grammar.
    #[error("bad {}", .0.as_str())]
    BadHeader(HeaderName),
    /// The CSeq names another method than the request line.
    #[error("CSeq method differs")]
    CSeqMethod,
    /// Content-Length promises more than came.
    #[error("body shorter than Content-Length")]
    BodyCutShort,
}

impl ParseError {
    /// Status and reason phrase to answer a request with; `None` asks for silence.
    pub fn reject(self) -> Option<(u16, &'static str)> {
        let reason = match self {
            Self::KeepAlive | Self::NotSip | Self::TooLong | Self::BadResponse => return None,
            Self::BadVersion => return Some((505, "Version Not Supported")),
            Self::TooManyHeaders => "Too Many Headers",
            Self::BadStartLine => "Bad Request-Line",
            Self::BadUri => "Bad Request-URI",
            Self::BadLineEnd => "Bad Line End",
            Self::Truncated => "Incomplete Header Section",
            Self::BadHeaderLine => "Bad Header Line",
            Self::MissingHeader(name) => missing(name),
            Self::DuplicateHeader(name) => duplicate(name),
            Self::BadHeader(name) => bad(name),
            Self::CSeqMethod => "CSeq Method Differs",
            Self::BodyCutShort => "Body Shorter Than Content-Length",
        };
        Some((400, reason))
    }
}

fn missing(name: HeaderName) -> &'static str {
    const PHRASES: [(HeaderName, &str); 5] = [
        (HeaderName::Via, "Missing Via"),
        (HeaderName::From, "Missing From"),
        (HeaderName::To, "Missing To"),
        (HeaderName::CallId, "Missing Call-ID"),
        (HeaderName::CSeq, "Missing CSeq"),
    ];
    phrase(&PHRASES, name).unwrap_or("Missing Header")
}

fn duplicate(name: HeaderName) -> &'static str {
    const PHRASES: [(HeaderName, &str); 6] = [
        (HeaderName::From, "Duplicate From"),
        (HeaderName::To, "Duplicate To"),
        (HeaderName::CallId, "Duplicate Call-ID"),
        (HeaderName::CSeq, "Duplicate CSeq"),
        (HeaderName::MaxForwards, "Duplicate Max-Forwards"),
        (HeaderName::ContentLength, "Duplicate Content-Length"),
    ];
    phrase(&PHRASES, name).unwrap_or("Duplicate Header")
}

fn bad(name: HeaderName) -> &'static str {
    const PHRASES: [(HeaderName, &str); 7] = [
        (HeaderName::Via, "Bad Via"),
        (HeaderName::From, "Bad From"),
        (HeaderName::To, "Bad To"),
        (HeaderName::CallId, "Bad Call-ID"),
        (HeaderName::CSeq, "Bad CSeq"),
        (HeaderName::MaxForwards, "Bad Max-Forwards"),
        (HeaderName::ContentLength, "Bad Content-Length"),
    ];
    phrase(&PHRASES, name).unwrap_or("Bad Header")
}

fn phrase(phrases: &[(HeaderName, &'static str)], name: HeaderName) -> Option<&'static str> {
    phrases
        .iter()
        .find_map(|(known, phrase)| (*known == name).then_some(*phrase))
}
