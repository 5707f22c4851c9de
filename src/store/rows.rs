//! From values to what a column holds, and back.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::balance::{Admin, Capacity};
use crate::call::{CallRecord, CallText, CallTexts, DialogRecord, DialogText, NamedDemand, Side};

/// A dialog as JSON; its parts may be any bytes, and so are base64.
#[derive(Serialize, Deserialize)]
struct DialogJson {
    callee_tag: String,
    callee_target: String,
    caller_routes: String,
    callee_routes: String,
    #[serde(default)]
    cseq: [u32; 2],
}

pub(super) fn dialogs_text(dialogs: &[DialogRecord]) -> String {
    let text = |bytes: &[u8]| STANDARD.encode(bytes);
    let dialogs = dialogs.iter().map(|dialog| DialogJson {
        callee_tag: text(dialog.texts.callee_tag()),
        callee_target: text(dialog.texts.callee_target()),
        caller_routes: text(dialog.texts.routes(Side::Caller)),
        callee_routes: text(dialog.texts.routes(Side::Callee)),
        cseq: dialog.cseq,
    });
    json(&dialogs.collect::<SmallVec<[_; 1]>>().as_slice())
}

/// `None`: not written by us.
pub(super) fn dialogs(text: &str) -> Option<SmallVec<[DialogRecord; 1]>> {
    let bytes = |text: &str| STANDARD.decode(text).ok();
    let dialogs: Vec<DialogJson> = serde_json::from_str(text).ok()?;
    let record = |dialog: &DialogJson| {
        let text = DialogText {
            callee_tag: &bytes(&dialog.callee_tag)?,
            callee_target: &bytes(&dialog.callee_target)?,
            caller_routes: &bytes(&dialog.caller_routes)?,
            callee_routes: &bytes(&dialog.callee_routes)?,
        };
        Some(DialogRecord {
            texts: (&text).into(),
            cseq: dialog.cseq,
        })
    };
    dialogs.iter().map(record).collect()
}

pub(super) fn demand_text(call: &CallRecord) -> String {
    let demand = call.demand.iter().map(|(name, units)| (&**name, units));
    json(&demand.collect::<SmallVec<[_; 1]>>().as_slice())
}

pub(super) fn demand(text: &str) -> Option<NamedDemand> {
    let demand: Vec<(String, u32)> = serde_json::from_str(text).ok()?;
    let shared = |(name, units): (String, u32)| (name.into(), units);
    Some(demand.into_iter().map(shared).collect())
}

/// The five texts of a call, in the order of their columns.
pub(super) fn texts(columns: [&[u8]; 5]) -> CallTexts {
    let [call_id, caller_tag, from, to, caller_target] = columns;
    let texts = CallText {
        call_id,
        caller_tag,
        from,
        to,
        caller_target,
    };
    (&texts).into()
}

/// Texts and lists of them always have a JSON form.
fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

pub(super) fn admin(word: &str) -> Option<Admin> {
    let all = [Admin::Enabled, Admin::Disabled, Admin::Draining];
    all.into_iter().find(|admin| admin.as_str() == word)
}

pub(super) fn units(capacity: Capacity) -> Option<i64> {
    match capacity {
        Capacity::Limited(units) => Some(units.into()),
        Capacity::Unlimited => None,
    }
}

pub(super) fn capacity(units: Option<i64>) -> Capacity {
    units.map_or(Capacity::Unlimited, |units| {
        Capacity::Limited(u32::try_from(units.max(0)).unwrap_or(u32::MAX))
    })
}

pub(super) fn secret_text(secret: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(secret))
}

pub(super) fn secret(text: &str) -> Option<[u8; 16]> {
    let key = u128::from_str_radix(text, 16).ok();
    key.filter(|_| text.len() == 32).map(u128::to_be_bytes)
}

/// What was said of one peer, and by it: one row of `peer_state`.
pub(super) struct StateRow {
    pub(super) peer: Arc<str>,
    pub(super) admin: &'static str,
    pub(super) weight: Option<i64>,
    pub(super) drain_since_unix_ms: Option<i64>,
    pub(super) drain_deadline_unix_ms: Option<i64>,
    pub(super) said_draining: i64,
    pub(super) boot_id: Option<Arc<str>>,
    pub(super) seq: Option<i64>,
}

/// What the operator and the peers said, peer by peer.
pub(super) fn states(words: &super::Words) -> Vec<StateRow> {
    let mut rows: std::collections::BTreeMap<Arc<str>, StateRow> = Default::default();
    let blank = |peer: &Arc<str>| StateRow {
        peer: peer.clone(),
        admin: Admin::Enabled.as_str(),
        weight: None,
        drain_since_unix_ms: None,
        drain_deadline_unix_ms: None,
        said_draining: 0,
        boot_id: None,
        seq: None,
    };
    for set in &words.overrides {
        let row = rows.entry(set.peer.clone());
        let row = row.or_insert_with(|| blank(&set.peer));
        row.admin = set.admin.as_str();
        row.weight = set.weight.map(i64::from);
        row.drain_since_unix_ms = set.drain.since_unix_ms.map(u64::cast_signed);
        row.drain_deadline_unix_ms = set.drain.deadline_unix_ms.map(u64::cast_signed);
    }
    for said in &words.identities {
        let row = rows.entry(said.peer.clone());
        let row = row.or_insert_with(|| blank(&said.peer));
        row.boot_id = said.boot_id.clone();
        row.said_draining = i64::from(said.draining);
        row.seq = said.seq.map(u64::cast_signed);
    }
    rows.into_values().collect()
}
