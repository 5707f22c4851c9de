//! Route preprocessing (RFC 3261 §16.4): our own entries are taken off the route, and the cookie is read.

use smallvec::SmallVec;

use super::setup::Setup;
use crate::call::{COOKIE_PARAM, Cookie, Side};
use crate::sip::{HeaderName, Message, NameAddr, Uri, Value};

/// A request's route as it looks once we have been visited.
pub(super) struct Preprocessed<'a> {
    /// Our own entries at the head of the route: they come off.
    pub own: SmallVec<[Value<'a>; 2]>,
    /// The first entry that is not ours.
    pub next: Option<Value<'a>>,
    /// A strict router before us put our entry into the Request-URI; the real one is this, the last of the route.
    pub restored: Option<Value<'a>>,
    /// What the route says of the dialog.
    pub cookie: CookieState,
}

/// The cookie on the route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CookieState {
    /// The route does not lead through us by a Record-Route of ours.
    None,
    /// Signed by us for this dialog.
    Good(Cookie, Side),
    /// Not signed by us, changed, or of another dialog.
    Bad,
}

impl<'a> Preprocessed<'a> {
    pub fn read(setup: &Setup, message: &Message<'a>) -> Self {
        let mut found = Self {
            own: SmallVec::new(),
            next: None,
            restored: None,
            cookie: CookieState::None,
        };
        let mut routes = message.values(HeaderName::Route).peekable();
        if routes.peek().is_none() {
            return found;
        }
        let mut visit = own_cookie(setup, message.uri());
        let mut visited = visit.is_some();
        if let Some(text) = visit {
            found.cookie = read_cookie(setup, message, text);
            found.restored = message.values(HeaderName::Route).last();
        }
        let restored = found.restored.map(|last| last.span);
        for route in routes.take_while(|route| Some(route.span) != restored) {
            let uri = NameAddr::parse(route.text)
                .map(|address| address.uri)
                .unwrap_or_default();
            let (ours, text) = entry(setup, uri);
            // A second entry of ours is the other half of a double Record-Route (RFC 5658) only with the same
            // cookie; another cookie is a spiral's next turn through us.
            let same_visit = !visited || text == visit;
            if !same_visit || !ours {
                found.next = Some(route);
                break;
            }
            if let (false, Some(text)) = (visited, text) {
                found.cookie = read_cookie(setup, message, text);
            }
            (visited, visit) = (true, text);
            found.own.push(route);
        }
        found
    }

    /// The Request-URI once a strict router's doing is undone.
    pub fn request_uri<'m>(&self, message: &Message<'m>) -> &'m [u8]
    where
        'a: 'm,
    {
        let restored = self.restored.and_then(|last| NameAddr::parse(last.text));
        restored.map_or(message.uri(), |address| address.uri)
    }

    /// The next entry's URI.
    pub fn next_uri(&self) -> Option<&'a [u8]> {
        NameAddr::parse(self.next?.text).map(|address| address.uri)
    }
}

/// The cookie in a URI of ours.
fn own_cookie<'a>(setup: &Setup, uri: &'a [u8]) -> Option<&'a [u8]> {
    if let Some(text) = setup.cookie_as_written(uri) {
        return Some(text);
    }
    // Most URIs have no parameter at all: not worth parsing.
    memchr::memchr(b';', uri)?;
    let uri = Uri::parse(uri)?;
    cookie_of(&uri).filter(|_| setup.is_own(&uri))
}

/// Whether a URI names us, and the cookie in it, be it ours or not.
fn entry<'a>(setup: &Setup, uri: &'a [u8]) -> (bool, Option<&'a [u8]>) {
    if let Some(text) = setup.cookie_as_written(uri) {
        return (true, Some(text));
    }
    let parsed = Uri::parse(uri);
    let text = parsed.as_ref().and_then(cookie_of);
    (parsed.is_some_and(|uri| setup.is_own(&uri)), text)
}

fn cookie_of<'a>(uri: &Uri<'a>) -> Option<&'a [u8]> {
    uri.param(COOKIE_PARAM)?
}

fn read_cookie(setup: &Setup, message: &Message<'_>, text: &[u8]) -> CookieState {
    match Cookie::read(
        text,
        &setup.secret,
        message.call_id(),
        message.from_tag(),
        message.to_tag(),
    ) {
        Some((cookie, side)) => CookieState::Good(cookie, side),
        None => CookieState::Bad,
    }
}

/// The serial number in an entry of ours in the Record-Route of a response; `None` for anybody else's. The signature is not
/// looked at: whoever answers may change the Record-Route as he likes anyway, and it is his own route that he spoils.
pub(super) fn recorded_by(setup: &Setup, uri: &[u8]) -> Option<u32> {
    Cookie::claimed_serial(own_cookie(setup, uri)?)
}

/// Whether a URI names one of our listeners.
pub(super) fn own_uri(setup: &Setup, uri: &[u8]) -> bool {
    Uri::parse(uri).is_some_and(|uri| setup.is_own(&uri))
}
