//! The first line of a message (RFC 3261 §7.1, §7.2).

use std::net::SocketAddr;

use super::chars::{is_token, number, trim_end};
use super::lines::{self, LineFault};
use super::{Method, ParseError, Scheme, Span, Uri};

/// The first line, taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum StartLine {
    Request {
        method: Method,
        method_text: Span,
        uri: Span,
        scheme: Scheme,
        /// Where the URI leads, if it takes no more than a look at its host and port.
        place: Option<SocketAddr>,
    },
    Status {
        status: u16,
        reason: Span,
    },
}

/// Whether the bytes begin as a status line does; a method has no slash.
pub(super) fn is_status_line(bytes: &[u8]) -> bool {
    bytes
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/"))
}

/// Reads the first line; gives it and the offset of the first header line.
pub(super) fn parse(bytes: &[u8]) -> Result<(StartLine, usize), ParseError> {
    let end = match lines::physical_line_end(bytes, 0) {
        Ok(end) => end,
        Err(LineFault::LineEnd) if looks_like_request(bytes) => return Err(ParseError::BadLineEnd),
        Err(LineFault::LineEnd | LineFault::Truncated | LineFault::Name) => {
            return Err(ParseError::NotSip);
        }
    };
    let text = &bytes[..end - 2];
    let line = if is_status_line(text) {
        status_line(text)?
    } else {
        request_line(text)?
    };
    Ok((line, end))
}

/// The request line without any check but that of the method; for answering what is malformed.
pub(super) fn parse_lenient(bytes: &[u8]) -> Option<(StartLine, usize)> {
    let end = lines::physical_line_end(bytes, 0).ok()?;
    let text = trim_end(&bytes[..end - 2]);
    let method_end = memchr::memchr(b' ', text)?;
    let version_start = memchr::memrchr(b' ', text)? + 1;
    if is_status_line(text) || !is_token(&text[..method_end]) || !names_sip(&text[version_start..])
    {
        return None;
    }
    let uri_end = version_start.saturating_sub(1).max(method_end + 1);
    let line = StartLine::Request {
        method: Method::of(&text[..method_end]),
        method_text: Span::new(0, method_end),
        uri: Span::new(method_end + 1, uri_end),
        scheme: Scheme::Other,
        place: None,
    };
    Some((line, end))
}

fn status_line(text: &[u8]) -> Result<StartLine, ParseError> {
    const CODE: usize = "SIP/2.0 ".len();
    let version_and_space = text.get(..CODE).ok_or(ParseError::BadResponse)?;
    if !version_and_space.eq_ignore_ascii_case(b"SIP/2.0 ") {
        return Err(ParseError::BadResponse);
    }
    let code = text.get(CODE..CODE + 3).ok_or(ParseError::BadResponse)?;
    let status = number(code, 699).filter(|status| *status >= 100);
    let reason_start = match text.get(CODE + 3) {
        // Some elements leave off the space before an empty reason phrase.
        None => CODE + 3,
        Some(b' ') => CODE + 4,
        Some(_) => return Err(ParseError::BadResponse),
    };
    Ok(StartLine::Status {
        status: status.ok_or(ParseError::BadResponse)? as u16,
        reason: Span::new(reason_start, text.len()),
    })
}

fn request_line(text: &[u8]) -> Result<StartLine, ParseError> {
    let method_end = memchr::memchr(b' ', text).ok_or(ParseError::NotSip)?;
    if !is_token(&text[..method_end]) {
        return Err(ParseError::NotSip);
    }
    let version_start = memchr::memrchr(b' ', text).ok_or(ParseError::NotSip)? + 1;
    let version = &text[version_start..];
    if version.is_empty() {
        return Err(ParseError::BadStartLine);
    }
    if !names_sip(version) {
        return Err(ParseError::NotSip);
    }
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        return Err(ParseError::BadVersion);
    }
    let uri = text
        .get(method_end + 1..version_start - 1)
        .ok_or(ParseError::BadStartLine)?;
    if uri.is_empty() || uri.starts_with(b" ") || uri.ends_with(b" ") {
        return Err(ParseError::BadStartLine);
    }
    // A Request-URI with headers could make us write headers that nobody sent (RFC 4475 §3.1.2.11).
    let parsed = Uri::parse(uri).ok_or(ParseError::BadUri)?;
    if !parsed.headers.is_empty() {
        return Err(ParseError::BadUri);
    }
    Ok(StartLine::Request {
        method: Method::of(&text[..method_end]),
        method_text: Span::new(0, method_end),
        uri: Span::new(method_end + 1, version_start - 1),
        scheme: parsed.scheme,
        place: parsed.plain_socket_addr(),
    })
}

/// Whether it is the version of some SIP.
fn names_sip(version: &[u8]) -> bool {
    is_status_line(version)
}

/// Whether the first line, ended by a lone CR or LF, would have been a request line.
fn looks_like_request(bytes: &[u8]) -> bool {
    let end = memchr::memchr2(b'\r', b'\n', bytes).unwrap_or(bytes.len());
    match memchr::memrchr(b' ', &bytes[..end]) {
        Some(space) => names_sip(&bytes[space + 1..end]),
        None => false,
    }
}
