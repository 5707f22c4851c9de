//! Names of the header fields that a proxy reads.

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
            2..=8 => Self::of_short(label, first.to_ascii_lowercase()),
            9.. => Self::of_long(label, first.to_ascii_lowercase()),
            0 => Self::Other,
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
        let candidates: &[Self] = match (label.len(), first) {
            (2, b't') => &[Self::To],
            (3, b'v') => &[Self::Via],
            (4, b'f') => &[Self::From],
            (4, b'c') => &[Self::CSeq],
            (4, b'r') => &[Self::RSeq, Self::Rack],
            (5, b'r') => &[Self::Route],
            (5, b'e') => &[Self::Event],
            (6, b'm') => &[Self::MinSe],
            (6, b'r') => &[Self::Reason],
            (7, b'c') => &[Self::CallId, Self::Contact],
            (7, b'e') => &[Self::Expires],
            (7, b'r') => &[Self::Require],
            (7, b's') => &[Self::Subject],
            (7, b'w') => &[Self::Warning],
            (8, b'r') => &[Self::ReferTo],
            (8, b'i') => &[Self::Identity],
            _ => &[],
        };
        Self::among(candidates, label)
    }

    fn of_long(label: &[u8], first: u8) -> Self {
        let candidates: &[Self] = match (label.len(), first) {
            (9, b's') => &[Self::Supported],
            (9, b't') => &[Self::Timestamp],
            (11, b'r') => &[Self::RetryAfter, Self::ReferredBy],
            (11, b'u') => &[Self::Unsupported],
            (12, b'm') => &[Self::MaxForwards],
            (12, b'r') => &[Self::RecordRoute],
            (12, b'c') => &[Self::ContentType],
            (12, b'a') => &[Self::AllowEvents],
            (13, b'p') => &[Self::ProxyRequire],
            (13, b'a') => &[Self::Authorization],
            (14, b'c') => &[Self::ContentLength],
            (14, b'a') => &[Self::AcceptContact],
            (14, b'r') => &[Self::RejectContact],
            (15, b's') => &[Self::SessionExpires],
            (16, b'c') => &[Self::ContentEncoding],
            (16, b'w') => &[Self::WwwAuthenticate],
            (18, b'p') => &[Self::ProxyAuthenticate],
            (19, b'p') => &[Self::ProxyAuthorization],
            (19, b'r') => &[Self::RequestDisposition],
            _ => &[],
        };
        Self::among(candidates, label)
    }

    fn among(candidates: &[Self], label: &[u8]) -> Self {
        candidates
            .iter()
            .copied()
            .find(|name| label.eq_ignore_ascii_case(name.as_str().as_bytes()))
            .unwrap_or(Self::Other)
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
