//! From the rows of either database to what was saved.

use std::collections::BTreeMap;
use std::sync::Arc;

use sqlx::Row as _;

use super::rows;
use super::{EventRow, Identity, PeerWord, StoreError, Words};
use crate::balance::{Admin, Drain, Overrides};
use crate::call::CallRecord;

/// A row, its columns by name.
pub(super) trait Row {
    fn number(&self, column: &str) -> Result<i64, StoreError>;
    fn number_or_null(&self, column: &str) -> Result<Option<i64>, StoreError>;
    fn text(&self, column: &str) -> Result<String, StoreError>;
    fn text_or_null(&self, column: &str) -> Result<Option<String>, StoreError>;
    fn bytes(&self, column: &str) -> Result<Vec<u8>, StoreError>;
}

macro_rules! row {
    ($row:ty, $get:ident, $bytes:expr) => {
        impl Row for $row {
            fn number(&self, column: &str) -> Result<i64, StoreError> {
                Ok(self.$get(column)?)
            }

            fn number_or_null(&self, column: &str) -> Result<Option<i64>, StoreError> {
                Ok(self.$get(column)?)
            }

            fn text(&self, column: &str) -> Result<String, StoreError> {
                Ok(self.$get(column)?)
            }

            fn text_or_null(&self, column: &str) -> Result<Option<String>, StoreError> {
                Ok(self.$get(column)?)
            }

            fn bytes(&self, column: &str) -> Result<Vec<u8>, StoreError> {
                $bytes(self, column)
            }
        }
    };
}

row!(sqlx::postgres::PgRow, try_get, |row: &Self, column| Ok(
    row.try_get(column)?
));

// SQLite keeps text as text where someone else wrote it into a column of bytes.
row!(rusqlite::Row<'_>, get, |row: &Self, column| {
    let bytes = row.get_ref(column)?.as_bytes();
    Ok(bytes.map_err(rusqlite::Error::from)?.to_vec())
});

/// A call's row.
pub(super) fn call(row: &impl Row) -> Result<CallRecord, StoreError> {
    let small = |column| row.number(column).map(|value| value as u32);
    let name = |column| row.text_or_null(column).map(|name| name.map(Arc::from));
    let texts = [
        row.bytes("call_id")?,
        row.bytes("caller_tag")?,
        row.bytes("from_uri")?,
        row.bytes("to_uri")?,
        row.bytes("caller_target")?,
    ];
    let until = row.number_or_null("session_until_unix_ms")?;
    Ok(CallRecord {
        id: row.number("id")?.cast_unsigned(),
        serial: small("serial")?,
        texts: rows::texts(texts.each_ref().map(Vec::as_slice)),
        group: name("route_group")?,
        route: row.number("route")? as u16,
        peer: name("peer")?,
        placed_by: name("placed_by")?,
        demand: rows::demand(&row.text("demand")?).unwrap_or_default(),
        since_unix_ms: row.number("since_unix_ms")?.cast_unsigned(),
        session_until_unix_ms: until.map(i64::cast_unsigned),
        cseq: [small("caller_cseq")?, small("callee_cseq")?],
        dialogs: rows::dialogs(&row.text("dialogs")?).unwrap_or_default(),
    })
}

/// An event's row.
pub(super) fn event(row: &impl Row) -> Result<EventRow, StoreError> {
    Ok(EventRow {
        id: row.number("id")?.cast_unsigned(),
        at_unix_ms: row.number("at_unix_ms")?.cast_unsigned(),
        kind: row.text("kind")?,
        data: row.text("data")?,
    })
}

/// What the operator set and the peers said, as their rows come.
#[derive(Default)]
pub(super) struct Gathered {
    peers: Vec<PeerWord>,
    overrides: BTreeMap<String, Overrides>,
    identities: Vec<Identity>,
}

impl Gathered {
    /// A row of `peers`. One that is not ours to read is passed over.
    pub(super) fn peer(&mut self, row: &impl Row) -> Result<(), StoreError> {
        let removed = row.number("removed")? != 0;
        let spec = row.text_or_null("spec")?;
        let spec = spec.and_then(|text| serde_json::from_str(&text).ok());
        if removed || spec.is_some() {
            self.peers.push(PeerWord {
                name: row.text("name")?,
                spec: spec.filter(|_| !removed),
            });
        }
        Ok(())
    }

    /// A row of `peer_state`.
    pub(super) fn state(&mut self, row: &impl Row) -> Result<(), StoreError> {
        let peer = row.text("peer")?;
        let unsigned = |column| {
            let number = row.number_or_null(column);
            number.map(|number| number.map(i64::cast_unsigned))
        };
        let weight = row.number_or_null("weight")?;
        let said = Identity {
            peer: peer.as_str().into(),
            boot_id: row.text_or_null("boot_id")?.map(Arc::from),
            seq: unsigned("seq")?,
            draining: row.number_or_null("said_draining")? == Some(1),
        };
        let set = self.set(peer);
        set.admin = rows::admin(&row.text("admin")?).unwrap_or_default();
        set.weight = weight.and_then(|weight| u32::try_from(weight).ok());
        set.drain = Drain {
            since_unix_ms: unsigned("drain_since_unix_ms")?,
            deadline_unix_ms: unsigned("drain_deadline_unix_ms")?,
        };
        if said.boot_id.is_some() || said.draining {
            self.identities.push(said);
        }
        Ok(())
    }

    /// A row of `peer_resources`.
    pub(super) fn resource(&mut self, row: &impl Row) -> Result<(), StoreError> {
        let resource: Arc<str> = row.text("resource")?.into();
        let capacity = rows::capacity(row.number_or_null("capacity")?);
        let set = self.set(row.text("peer")?);
        set.capacity.push((resource, capacity));
        Ok(())
    }

    fn set(&mut self, peer: String) -> &mut Overrides {
        let untouched = Overrides {
            peer: peer.as_str().into(),
            admin: Admin::Enabled,
            drain: Drain::default(),
            weight: None,
            capacity: Vec::new(),
        };
        self.overrides.entry(peer).or_insert(untouched)
    }

    /// All of it, once every row has come.
    pub(super) fn words(self) -> Words {
        let said_nothing = |set: &Overrides| {
            set.admin == Admin::Enabled && set.weight.is_none() && set.capacity.is_empty()
        };
        let overrides = self.overrides.into_values();
        Words {
            peers: self.peers,
            overrides: overrides.filter(|set| !said_nothing(set)).collect(),
            identities: self.identities,
        }
    }
}
