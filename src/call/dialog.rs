//! One dialog of a call: what is needed to recognise its requests, and to end it ourselves.

use super::cookie::Side;
use super::record::DialogRecord;
use super::texts::DialogTexts;

/// A dialog, confirmed by a 2xx.
#[derive(Clone, Debug)]
pub struct Dialog {
    texts: DialogTexts,
    /// Highest CSeq seen from the caller and from the callee; 0: none yet.
    cseq: [u32; 2],
    /// A BYE is under way, by so many transactions (crossing BYEs make two).
    byes: u8,
}

impl Dialog {
    /// A dialog without a BYE; `cseq` is the highest seen from the caller and from the callee.
    pub fn new(texts: DialogTexts, cseq: [u32; 2]) -> Self {
        Self {
            texts,
            cseq,
            byes: 0,
        }
    }

    /// What is saved of it.
    pub fn record(&self) -> DialogRecord {
        DialogRecord {
            texts: self.texts.clone(),
            cseq: self.cseq,
        }
    }

    /// The callee's tag.
    pub fn callee_tag(&self) -> &[u8] {
        self.texts.callee_tag()
    }

    /// The callee's remote target: the URI of its Contact.
    pub fn callee_target(&self) -> &[u8] {
        self.texts.callee_target()
    }

    /// A target refresh (RFC 3261 §12.2): the callee has a new Contact.
    pub fn refresh(&mut self, target: &[u8]) {
        self.texts.refresh(target);
    }

    /// The route set towards `side`.
    pub fn routes(&self, side: Side) -> &[u8] {
        self.texts.routes(side)
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
        Dialog::new(record.texts.clone(), record.cseq)
    }
}
