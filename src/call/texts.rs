//! The texts of a call and of its dialogs: packed, and shared with what is saved.

use super::cookie::Side;
use super::packed::Packed;

const CALL_ID: usize = 0;
const CALLER_TAG: usize = 1;
const FROM: usize = 2;
const TO: usize = 3;
const CALLER_TARGET: usize = 4;

const CALLEE_TAG: usize = 0;
const CALLEE_TARGET: usize = 1;
const CALLER_ROUTES: usize = 2;
const CALLEE_ROUTES: usize = 3;

/// The texts that every message of a call carries.
pub struct CallText<'a> {
    /// The Call-ID.
    pub call_id: &'a [u8],
    /// The From tag of the INVITE.
    pub caller_tag: &'a [u8],
    /// The From URI.
    pub from: &'a [u8],
    /// The To URI.
    pub to: &'a [u8],
    /// The Contact URI of the INVITE.
    pub caller_target: &'a [u8],
}

/// A [`CallText`] that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallTexts(Packed<5>);

impl From<&CallText<'_>> for CallTexts {
    fn from(text: &CallText<'_>) -> Self {
        Self(Packed::new([
            text.call_id,
            text.caller_tag,
            text.from,
            text.to,
            text.caller_target,
        ]))
    }
}

impl CallTexts {
    /// The Call-ID.
    pub fn call_id(&self) -> &[u8] {
        self.0.get(CALL_ID)
    }

    /// The caller's tag.
    pub fn caller_tag(&self) -> &[u8] {
        self.0.get(CALLER_TAG)
    }

    /// The From URI.
    pub fn from(&self) -> &[u8] {
        self.0.get(FROM)
    }

    /// The To URI.
    pub fn to(&self) -> &[u8] {
        self.0.get(TO)
    }

    /// The caller's remote target: the URI of its Contact.
    pub fn caller_target(&self) -> &[u8] {
        self.0.get(CALLER_TARGET)
    }

    /// A target refresh (RFC 3261 §12.2): the caller has a new Contact.
    pub fn refresh(&mut self, target: &[u8]) {
        if self.caller_target() != target {
            self.0.set(CALLER_TARGET, target);
        }
    }
}

/// The texts of a dialog. Route sets are `Route` values joined by commas, first hop first, without ourselves.
pub struct DialogText<'a> {
    /// The To tag of the 2xx.
    pub callee_tag: &'a [u8],
    /// The Contact URI of the 2xx.
    pub callee_target: &'a [u8],
    /// From us to the caller.
    pub caller_routes: &'a [u8],
    /// From us to the callee.
    pub callee_routes: &'a [u8],
}

/// A [`DialogText`] that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialogTexts(Packed<4>);

impl From<&DialogText<'_>> for DialogTexts {
    fn from(text: &DialogText<'_>) -> Self {
        Self(Packed::new([
            text.callee_tag,
            text.callee_target,
            text.caller_routes,
            text.callee_routes,
        ]))
    }
}

impl DialogTexts {
    /// The callee's tag.
    pub fn callee_tag(&self) -> &[u8] {
        self.0.get(CALLEE_TAG)
    }

    /// The callee's remote target: the URI of its Contact.
    pub fn callee_target(&self) -> &[u8] {
        self.0.get(CALLEE_TARGET)
    }

    /// A target refresh (RFC 3261 §12.2): the callee has a new Contact.
    pub fn refresh(&mut self, target: &[u8]) {
        if self.callee_target() != target {
            self.0.set(CALLEE_TARGET, target);
        }
    }

    /// The route set towards `side`.
    pub fn routes(&self, side: Side) -> &[u8] {
        self.0.get(match side {
            Side::Caller => CALLER_ROUTES,
            Side::Callee => CALLEE_ROUTES,
        })
    }
}
