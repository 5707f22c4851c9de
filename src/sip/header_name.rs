//! Names of the header fields that a proxy reads.

use super::words::is;

/// A header field name that means something to the balancer; all others are `Other`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[expect(missing_docs, reason = "the variants are the field names themselves")]
pub enum HeaderName {
    Via,
    From,
    To,
    CallId,
    CSeq,
    Contact,
    Route,
    RecordRoute,
    MaxForwards,
    ContentLength,
    ContentType,
    ContentEncoding,
    ProxyRequire,
    Require,
    Supported,
    Unsupported,
    RetryAfter,
    Expires,
    SessionExpires,
    MinSe,
    ProxyAuthenticate,
    WwwAuthenticate,
    ProxyAuthorization,
    Authorization,
    Timestamp,
    ReferTo,
    ReferredBy,
    RSeq,
    Rack,
    Reason,
    Event,
    AllowEvents,
    Subject,
    Warning,
    AcceptContact,
    RejectContact,
    RequestDisposition,
    Identity,
    Other,
}

impl HeaderName {
    /// The field that a label names, compared without case (RFC 3261 §7.3.1), compact forms
    /// (§7.3.3, §20) included.
    pub fn of(label: &[u8]) -> Self {
        let Some(first) = label.first() else {
            return Self::Other;
        };
        match label.len() {
            1 => Self::of_compact(first.to_ascii_lowercase()),
            2..=8 => Self::of_short(label, first | 0x20),
            _ => Self::of_long(label, first | 0x20),
        }
    }

    fn of_compact(letter: u8) -> Self {
        match letter {
            b'v' => Self::Via,
            b'f' => Self::From,
            b't' => Self::To,
            b'i' => Self::CallId,
            b'm' => Self::Contact,
            b'l' => Self::ContentLength,
            b'c' => Self::ContentType,
            b'e' => Self::ContentEncoding,
            b'k' => Self::Supported,
            b'x' => Self::SessionExpires,
            b'r' => Self::ReferTo,
            b'b' => Self::ReferredBy,
            b'o' => Self::Event,
            b'u' => Self::AllowEvents,
            b's' => Self::Subject,
            b'a' => Self::AcceptContact,
            b'j' => Self::RejectContact,
            b'd' => Self::RequestDisposition,
            b'y' => Self::Identity,
            _ => Self::Other,
        }
    }

    fn of_short(label: &[u8], first: u8) -> Self {
        match (label.len(), first) {
            (2, b't') if is(label, b"to") => Self::To,
            (3, b'v') if is(label, b"via") => Self::Via,
            (4, b'f') if is(label, b"from") => Self::From,
            (4, b'c') if is(label, b"cseq") => Self::CSeq,
            (4, b'r') if is(label, b"rseq") => Self::RSeq,
            (4, b'r') if is(label, b"rack") => Self::Rack,
            (5, b'r') if is(label, b"route") => Self::Route,
            (5, b'e') if is(label, b"event") => Self::Event,
            (6, b'm') if is(label, b"min-se") => Self::MinSe,
            (6, b'r') if is(label, b"reason") => Self::Reason,
            (7, b'c') if is(label, b"call-id") => Self::CallId,
            (7, b'c') if is(label, b"contact") => Self::Contact,
            (7, b'e') if is(label, b"expires") => Self::Expires,
            (7, b'r') if is(label, b"require") => Self::Require,
            (7, b's') if is(label, b"subject") => Self::Subject,
            (7, b'w') if is(label, b"warning") => Self::Warning,
            (8, b'r') if is(label, b"refer-to") => Self::ReferTo,
            (8, b'i') if is(label, b"identity") => Self::Identity,
            _ => Self::Other,
        }
    }

    fn of_long(label: &[u8], first: u8) -> Self {
        match (label.len(), first) {
            (9, b's') if is(label, b"supported") => Self::Supported,
            (9, b't') if is(label, b"timestamp") => Self::Timestamp,
            (11, b'r') if is(label, b"retry-after") => Self::RetryAfter,
            (11, b'r') if is(label, b"referred-by") => Self::ReferredBy,
            (11, b'u') if is(label, b"unsupported") => Self::Unsupported,
            (12, b'm') if is(label, b"max-forwards") => Self::MaxForwards,
            (12, b'r') if is(label, b"record-route") => Self::RecordRoute,
            (12, b'c') if is(label, b"content-type") => Self::ContentType,
            (12, b'a') if is(label, b"allow-events") => Self::AllowEvents,
            (13, b'p') if is(label, b"proxy-require") => Self::ProxyRequire,
            (13, b'a') if is(label, b"authorization") => Self::Authorization,
            (14, b'c') if is(label, b"content-length") => Self::ContentLength,
            (14, b'a') if is(label, b"accept-contact") => Self::AcceptContact,
            (14, b'r') if is(label, b"reject-contact") => Self::RejectContact,
            (15, b's') if is(label, b"session-expires") => Self::SessionExpires,
            (16, b'c') if is(label, b"content-encoding") => Self::ContentEncoding,
            (16, b'w') if is(label, b"www-authenticate") => Self::WwwAuthenticate,
            (18, b'p') if is(label, b"proxy-authenticate") => Self::ProxyAuthenticate,
            (19, b'p') if is(label, b"proxy-authorization") => Self::ProxyAuthorization,
            (19, b'r') if is(label, b"request-disposition") => Self::RequestDisposition,
            _ => Self::Other,
        }
    }

    /// The long form as it is written on the wire; `Other` for what is not known.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Via => "Via",
            Self::From => "From",
            Self::To => "To",
            Self::CallId => "Call-ID",
            Self::CSeq => "CSeq",
            Self::Contact => "Contact",
            Self::Route => "Route",
            Self::RecordRoute => "Record-Route",
            Self::MaxForwards => "Max-Forwards",
            Self::ContentLength => "Content-Length",
            Self::ContentType => "Content-Type",
            Self::ContentEncoding => "Content-Encoding",
            Self::ProxyRequire => "Proxy-Require",
            Self::Require => "Require",
            Self::Supported => "Supported",
            Self::Unsupported => "Unsupported",
            Self::RetryAfter => "Retry-After",
            Self::Expires => "Expires",
            Self::SessionExpires => "Session-Expires",
            Self::MinSe => "Min-SE",
            Self::ProxyAuthenticate => "Proxy-Authenticate",
            Self::WwwAuthenticate => "WWW-Authenticate",
            Self::ProxyAuthorization => "Proxy-Authorization",
            Self::Authorization => "Authorization",
            Self::Timestamp => "Timestamp",
            Self::ReferTo => "Refer-To",
            Self::ReferredBy => "Referred-By",
            Self::RSeq => "RSeq",
            Self::Rack => "RAck",
            Self::Reason => "Reason",
            Self::Event => "Event",
            Self::AllowEvents => "Allow-Events",
            Self::Subject => "Subject",
            Self::Warning => "Warning",
            Self::AcceptContact => "Accept-Contact",
            Self::RejectContact => "Reject-Contact",
            Self::RequestDisposition => "Request-Disposition",
            Self::Identity => "Identity",
            Self::Other => "Other",
        }
    }

    /// Whether the value is a comma-separated list (RFC 3261 §7.3.1). Credentials and challenges
    /// hold commas without being one.
    pub fn is_list(self) -> bool {
        matches!(
            self,
            Self::Via
                | Self::Contact
                | Self::Route
                | Self::RecordRoute
                | Self::ContentEncoding
                | Self::ProxyRequire
                | Self::Require
                | Self::Supported
                | Self::Unsupported
                | Self::Reason
                | Self::AllowEvents
                | Self::Warning
                | Self::AcceptContact
                | Self::RejectContact
                | Self::RequestDisposition
        )
    }
}
