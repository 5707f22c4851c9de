//! The text that both databases understand. Where they differ stands with each.

/// The columns of `calls`, in the order in which they are bound.
macro_rules! call_columns {
    () => {
        "id, serial, call_id, caller_tag, from_uri, to_uri, caller_target, route_group, route, peer, placed_by, demand, \
         since_unix_ms, session_until_unix_ms, caller_cseq, callee_cseq, dialogs"
    };
}

pub(super) const INSERT_CALLS: &str = concat!("INSERT INTO calls (", call_columns!(), ") VALUES ");
/// One call, where places have no numbers.
pub(super) const INSERT_CALL: &str = concat!(
    "INSERT INTO calls (",
    call_columns!(),
    ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
);
pub(super) const SELECT_CALLS: &str = concat!("SELECT ", call_columns!(), " FROM calls");
/// How many there are.
pub(super) const CALL_COLUMNS: usize = 17;

pub(super) const SELECT_SETTING: &str = "SELECT value FROM settings WHERE name = $1";
pub(super) const SET_SCHEMA: &str = "INSERT INTO settings (name, value) VALUES ('schema', $1) \
     ON CONFLICT (name) DO UPDATE SET value = excluded.value";
pub(super) const KEEP_SECRET: &str =
    "INSERT INTO settings (name, value) VALUES ('secret', $1) ON CONFLICT (name) DO NOTHING";

/// The last so many, the newest first.
pub(super) const SELECT_EVENTS: &str =
    "SELECT id, at_unix_ms, kind, data FROM events ORDER BY id DESC LIMIT $1";
pub(super) const INSERT_EVENTS: &str = "INSERT INTO events (id, at_unix_ms, kind, data) ";
pub(super) const UNLESS_THERE: &str = " ON CONFLICT (id) DO NOTHING";
pub(super) const INSERT_EVENT: &str = "INSERT INTO events (id, at_unix_ms, kind, data) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING";
pub(super) const DELETE_EVENTS: &str = "DELETE FROM events WHERE id < $1";

pub(super) const SELECT_PEERS: &str = "SELECT name, removed, spec FROM peers";
pub(super) const INSERT_PEER: &str = "INSERT INTO peers (name, removed, spec) VALUES ($1, $2, $3)";

pub(super) const SELECT_STATES: &str = "SELECT peer, admin, weight, boot_id, seq, drain_since_unix_ms, \
     drain_deadline_unix_ms, said_draining FROM peer_state";
pub(super) const INSERT_STATE: &str = "INSERT INTO peer_state (peer, admin, weight, boot_id, seq, \
     drain_since_unix_ms, drain_deadline_unix_ms, said_draining) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

pub(super) const SELECT_RESOURCES: &str = "SELECT peer, resource, capacity FROM peer_resources";
pub(super) const INSERT_RESOURCE: &str =
    "INSERT INTO peer_resources (peer, resource, capacity) VALUES ($1, $2, $3)";

/// What makes room for the operator's words.
pub(super) const DELETE_WORDS: [&str; 3] = [
    "DELETE FROM peers",
    "DELETE FROM peer_resources",
    "DELETE FROM peer_state",
];
