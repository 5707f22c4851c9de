//! One dialog of a call: what is needed to recognise its requests, and to end it ourselves.

use super::cookie::Side;
use super::packed::Packed;
use super::record::DialogRecord;

const CALLEE_TAG: usize = 0;
const CALLEE_TARGET: usize = 1;
const CALLER_ROUTES: usize = 2;
const CALLEE_ROUTES: usize = 3;

/// A dialog, confirmed by a 2xx. Route sets are `Route` values joined by commas, first hop first, without ourselves.
#[derive(Clone, Debug)]
pub struct Dialog {
    text: Packed<4>,
    /// Highest CSeq seen from the caller and from the callee; 0: none yet.
    cseq: [u32; 2],
    /// A BYE is under way, by so many transactions (crossing BYEs make two).
    byes: u8,
}

/// The parts of a new [`Dialog`].
pub struct DialogText<'a> {
    /// The To tag of the 2xx.
    pub callee_tag: &'a [u8],
    /// The Contact URI of the 2xx.
    pub callee_target: &'a [u8],
    /// From us to the caller.
    pub caller_routes: &'a [u8],
    /// From us to the callee.
    pub callee_routes: &'a [u8],
    /// Highest CSeq seen from the caller and from the callee.
    pub cseq: [u32; 2],
}

impl Dialog {
    /// A dialog without a BYE.
    pub fn new(text: &DialogText<'_>) -> Self {
        let packed = Packed::new([
            text.callee_tag,
            text.callee_target,
            text.caller_routes,
            text.callee_routes,
        ]);
        Self {
            text: packed,
            cseq: text.cseq,
            byes: 0,
        }
    }

    /// The callee's tag.
    pub fn callee_tag(&self) -> &[u8] {
        self.text.get(CALLEE_TAG)
    }

    /// The callee's remote target: the URI of its Contact.
    pub fn callee_target(&self) -> &[u8] {
        self.text.get(CALLEE_TARGET)
    }

    /// A target refresh (RFC 3261 §12.2): the callee has a new Contact.
    pub fn refresh(&mut self, target: &[u8]) {
        if self.callee_target() != target {
            self.text.set(CALLEE_TARGET, target);
        }
    }

    /// The route set towards `side`.
    pub fn routes(&self, side: Side) -> &[u8] {
        self.text.get(match side {
            Side::Caller => CALLER_ROUTES,
            Side::Callee => CALLEE_ROUTES,
        })
    }

    /// A request of `side` came by.
    pub fn saw(&mut self, side: Side, cseq: u32) {
        let [caller, callee] = &mut self.cseq;
        let seen = match side {
            Side::Caller => caller,
            Side::Callee => callee,
        };
        *seen = cseq.max(*seen);
    }

    /// Highest CSeq seen from the caller and from the callee; 0: none yet.
    pub fn cseq(&self) -> [u32; 2] {
        self.cseq
    }

    /// A BYE goes out.
    pub fn bye_sent(&mut self) {
        self.byes = self.byes.saturating_add(1);
    }

    /// A BYE was challenged: it ended nothing.
    pub fn bye_challenged(&mut self) {
        self.byes = self.byes.saturating_sub(1);
    }

    /// Whether a BYE is under way.
    pub fn ending(&self) -> bool {
        self.byes > 0
    }
}

/// A dialog as it was saved.
impl From<&DialogRecord> for Dialog {
    fn from(record: &DialogRecord) -> Self {
        Dialog::new(&DialogText {
            callee_tag: &record.callee_tag,
            callee_target: &record.callee_target,
            caller_routes: &record.caller_routes,
            callee_routes: &record.callee_routes,
            cseq: record.cseq,
        })
    }
}
