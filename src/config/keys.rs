//! Every key of a configuration, in one table: `docs/CONFIG.md` is written from it, and tests hold it against the reader.

use std::time::Duration;

use super::duration::show;
use super::values::LONGEST;
use crate::base::limits::{
    CHECK_INTERVAL_MIN, CONFIG_UNITS_MAX, CONFIG_WEIGHT_MAX, CONFIG_WORKERS_MAX,
    FEEDBACK_TTL_SECONDS_MAX, NOTIFY_TIMEOUT_MAX, RING_MAX,
};

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The table it stands in, as a file writes it: `[node]`, `[[peer]]`, or `feedback` of `[[peer]]`.
    pub table: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// What holds without it.
    pub default: Unset,
    /// One or two sentences.
    pub meaning: &'static str,
    /// A reload leaves it as it was.
    pub restart: bool,
}

/// What a key may hold.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A text of this form, with an example.
    Text(&'static str, &'static str),
    /// A text that is shown nowhere, with an example.
    Secret(&'static str),
    /// `true` or `false`.
    Boolean,
    /// A whole number from here to there, of this unit.
    Number(u32, u32, &'static str),
    /// A text such as `"500ms"`, from here to there.
    Duration(Duration, Duration),
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list or table of this form, with an example.
    Composed(&'static str, &'static str),
    /// A table with keys of its own.
    Table,
}

/// What holds where a key is not written.
#[derive(Clone, Copy, Debug)]
pub enum Unset {
    /// This value, as TOML.
    Value(&'static str),
    /// Told in words.
    Words(&'static str),
    /// It must be written.
    Required,
}

impl Key {
    /// The type, with the unit of a number.
    pub fn form(&self) -> String {
        match self.kind {
            Kind::Text(form, _) | Kind::Composed(form, _) => form.to_owned(),
            Kind::Secret(_) => "a text, best `\"env:NAME\"` or `\"file:PATH\"`".to_owned(),
            Kind::Boolean => "`true` or `false`".to_owned(),
            Kind::Number(_, _, unit) => format!("whole number: {unit}"),
            Kind::Duration(..) => "duration".to_owned(),
            Kind::Word(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
                words.join(", ")
            }
            Kind::Table => "table, below".to_owned(),
        }
    }

    /// The least and the most, as a file writes them.
    pub fn bounds(&self) -> Option<(String, String)> {
        match self.kind {
            Kind::Number(least, most, _) => Some((least.to_string(), most.to_string())),
            Kind::Duration(least, most) => {
                let written = |duration| format!("\"{}\"", show(duration));
                Some((written(least), written(most)))
            }
            Kind::Text(..)
            | Kind::Secret(_)
            | Kind::Boolean
            | Kind::Word(_)
            | Kind::Composed(..)
            | Kind::Table => None,
        }
    }
}

const NAME: Kind = Kind::Text(
    "1 to 64 letters, digits, `-`, `_`, `.`, the first a letter or digit",
    "\"pbx-9\"",
);
const HASH_ON: Kind = Kind::Text(
    "`call-id`, `from-user`, `to-user`, `request-user`, `source`, `header:NAME`",
    "\"header:X-Tenant\"",
);
const COUNT_MAX: u32 = 1_000_000;
const MS10: Duration = Duration::from_millis(10);
const SECOND: Duration = Duration::from_secs(1);
const CODES: &str = "list of codes `404` and classes `2xx`";
const SELECT: &[&str] = &[
    "least-loaded",
    "most-free",
    "weighted",
    "round-robin",
    "random",
    "priority",
    "hash",
];

macro_rules! keys {
    ($([$table:literal] $($name:literal ($kind:expr) ($default:expr) $($restart:ident)? $meaning:literal)*)*) => {
        /// Every key, in the order in which the shipped file explains them.
        pub const KEYS: &[Key] = &[$($(Key {
            table: $table, name: $name, kind: $kind, default: $default, meaning: $meaning, restart: keys!(@ $($restart)?),
        }),*),*];
    };
    (@ restart) => { true };
    (@) => { false };
}

use self::Unset::{Required, Value, Words};
use Kind::{Boolean, Composed, Number, Secret, Table, Text, Word};

keys! {
    ["[node]"]
    "name" (NAME) (Words("the host's name"))
        "Who this Tandem is, in logs and on its status page."
    "workers" (Number(0, CONFIG_WORKERS_MAX as u32, "threads")) (Value("0")) restart
        "Threads for SIP, each with calls of its own; 0 is one a core."
    "shutdown_grace" (Kind::Duration(Duration::ZERO, Duration::from_secs(3600))) (Value("\"5s\""))
        "How long a stop waits for set-ups to end and calls to be saved."
    "secret" (Secret("\"0123456789abcdef\"")) (Words("one that the store keeps")) restart
        "Signs Record-Route, 16 characters at least; the same for all that share peers."

    ["[[listen]]"]
    "uri" (Text("`sip:ADDRESS:PORT;transport=udp`, IPv6 in brackets; port 0 is any free one", "\"sip:127.0.0.1:5070\"")) (Required) restart
        "Where SIP is taken. Without any `[[listen]]`: `sip:0.0.0.0:5060;transport=udp`."
    "advertise" (Text("`HOST` or `HOST:PORT`", "\"198.51.100.7:5060\"")) (Words("the address itself; for 0.0.0.0 the host's own")) restart
        "What Via and Record-Route say; for hosts behind NAT or with several addresses."

    ["[http]"]
    "listen" (Text("`ADDRESS:PORT`", "\"127.0.0.1:8081\"")) (Value("\"127.0.0.1:8080\"")) restart
        "Where API, metrics and status page are served."
    "admin_token" (Secret("\"secret\"")) (Words("none: programs of this host may write"))
        "What writers show as `Authorization: Bearer …`. Must be set where `listen` is not loopback."

    ["[store]"]
    "url" (Text("`sqlite://PATH`, `sqlite::memory:` or `postgres://USER@HOST/DATABASE`", "\"sqlite::memory:\"")) (Value("\"sqlite://tandem.db\"")) restart
        "The database that calls, events and the operator's word survive in."

    ["[trust]"]
    "sources" (Composed("list of networks and addresses", "[\"192.0.2.0/24\"]")) (Value("[\"127.0.0.0/8\", \"10.0.0.0/8\"]"))
        "Who may start calls, beside the peers themselves."
    "unknown" (Word(&["reject", "drop"])) (Value("\"reject\""))
        "What anybody else gets: 403, or silence."
    "rate" (Table) (Words("as below"))
        "How much one source address may ask for."

    ["rate of [trust]"]
    "per_source_cps" (Number(1, 10_000_000, "new calls a second")) (Value("500"))
        "New calls a second from one address."
    "burst" (Number(1, 10_000_000, "new calls")) (Value("1000"))
        "New calls at once from one address that was silent before."

    ["[timers]"]
    "t1" (Kind::Duration(MS10, LONGEST)) (Value("\"500ms\""))
        "T1 of RFC 3261: the first retransmission; transactions end after 64 times as long."
    "try" (Kind::Duration(MS10, LONGEST)) (Value("\"2s\""))
        "A peer that sends nothing at all for so long has failed, and the next one is tried."
    "ring" (Kind::Duration(SECOND, RING_MAX)) (Value("\"180s\""))
        "The longest ringing (Timer C): provisional seen, no final response."
    "call_max" (Kind::Duration(SECOND, LONGEST)) (Value("\"4h\""))
        "The longest call; then both sides get a BYE."
    "session_grace" (Kind::Duration(Duration::ZERO, LONGEST)) (Value("\"32s\""))
        "How long past its Session-Expires a call is believed (RFC 4028)."

    ["[check]"]
    "interval" (Kind::Duration(CHECK_INTERVAL_MIN, LONGEST)) (Value("\"off\""))
        "After how much silence a peer is asked, by an OPTIONS within the dialog, whether it knows a call; or `\"off\"`."

    ["[notify]"]
    "url" (Secret("\"https://chat.example/hooks/1\"")) (Required)
        "Where notices are posted as JSON: `https://…` or `http://…`. Without `[notify]` nobody is told."
    "secret" (Secret("\"0123456789abcdef\"")) (Words("none: notices are not signed"))
        "Signs each notice, in `Tandem-Signature`; 16 characters at least."
    "events" (Composed("list of `down`, `up`, `drained`, `exhausted`, `drift`", "[\"down\", \"up\"]")) (Value("[\"down\", \"up\", \"drained\", \"exhausted\", \"drift\"]"))
        "What is told: a peer down, up again, or drained; calls of a group that found no peer; a count that is off a peer's own list."
    "timeout" (Kind::Duration(Duration::from_millis(100), NOTIFY_TIMEOUT_MAX)) (Value("\"5s\""))
        "How long the receiver may take to answer."
    "retry_for" (Kind::Duration(Duration::ZERO, LONGEST)) (Value("\"1h\""))
        "How long after its event a notice is still tried again; `\"0s\"` is one try."

    ["[probe], and probe of [[group]]"]
    "method" (Text("a method", "\"INFO\"")) (Value("\"OPTIONS\""))
        "The request that asks a peer whether it lives."
    "mode" (Word(&["always", "when-down", "off"])) (Value("\"always\""))
        "Which peers are asked."
    "interval" (Kind::Duration(MS10, LONGEST)) (Value("\"10s\""))
        "How often, give or take a little."
    "timeout" (Kind::Duration(MS10, LONGEST)) (Value("\"2s\""))
        "How long an answer may take."
    "down_after" (Number(1, 1000, "failed probes in a row")) (Value("2"))
        "When a peer is down."
    "up_after" (Number(1, 1000, "good probes in a row")) (Value("2"))
        "When a peer is up again."
    "accept" (Composed(CODES, "[\"2xx\"]")) (Value("[\"2xx\", \"404\", \"405\", \"501\"]"))
        "Answers of the living. 503 is alive, but not accepting."

    ["[[group]]"]
    "name" (NAME) (Required)
        "In routes, in the API and in metrics. Without any `[[group]]` there is one, `pbx`."
    "select" (Word(SELECT)) (Value("\"least-loaded\""))
        "How a peer is chosen for a call."
    "hash_on" (HASH_ON) (Value("\"call-id\""))
        "What `hash` goes by."
    "failover" (Table) (Words("as below"))
        "What is a failure, and how many peers are tried."
    "disable" (Table) (Words("as below"))
        "When failures take a peer out."
    "exhausted" (Composed("list of `dispatch`, `group:NAME`, `redirect:URI`", "[]")) (Value("[\"dispatch\"]"))
        "Steps, tried in order once no peer has room; at their end, or with `[]`, 503 and a computed Retry-After."
    "dispatch" (Table) (Words("as below"))
        "How the step `dispatch` chooses, whatever the load."
    "probe" (Table) (Words("what `[probe]` says"))
        "Probes of this group's peers, where they differ."
    "end_calls_of_dead_peers" (Boolean) (Value("false"))
        "Hang up the calls of a peer that died or restarted."

    ["failover of [[group]]"]
    "on" (Composed("list of `timeout`, `transport`, codes, classes, and codes that are none, as `!603`", "[\"timeout\"]")) (Value("[\"timeout\", \"transport\", \"5xx\", \"6xx\", \"!600\", \"!603\", \"!607\", \"!608\"]"))
        "What sends a call on to the next best peer."
    "max_attempts" (Number(1, 100, "peers")) (Value("3"))
        "Peers that are tried for one call, the first included."

    ["disable of [[group]]"]
    "after_timeouts" (Number(0, COUNT_MAX, "silences in a row")) (Value("1"))
        "When a silent peer is taken out; 0 is never."
    "after_failures" (Number(0, COUNT_MAX, "failures in a row")) (Value("3"))
        "When a failing peer is taken out; 0 is never."
    "retry_after_cap" (Kind::Duration(Duration::ZERO, LONGEST)) (Value("\"10s\""))
        "How much of a peer's Retry-After is believed."

    ["dispatch of [[group]]"]
    "select" (Word(&["hash", "random", "round-robin", "weighted", "priority"])) (Value("\"hash\""))
        "How a peer is chosen where load is not looked at."
    "hash_on" (HASH_ON) (Value("\"call-id\""))
        "What `hash` goes by."

    ["[[peer]]"]
    "name" (NAME) (Required)
        "In the API, in metrics and in logs."
    "uri" (Text("`sip:HOST[:PORT][;transport=udp]`", "\"sip:10.0.0.19:5070\"")) (Required)
        "Where the PBX listens; a name is resolved by RFC 3263."
    "groups" (Composed("list of names", "[\"pbx\"]")) (Words("the first group"))
        "The groups it serves, which share its capacity."
    "capacity" (Composed("table of resources, each with 0 to 10000000 units or `\"unlimited\"`", "{ calls = 7, transcoding = \"unlimited\" }")) (Value("{ calls = \"unlimited\" }"))
        "What it can hold at once. A resource left out is not offered, 0 is never."
    "weight" (Number(1, CONFIG_WEIGHT_MAX, "shares")) (Value("1"))
        "Its share where a group selects by `weighted` or `hash`."
    "priority" (Number(0, COUNT_MAX, "rank")) (Value("0"))
        "Its turn where a group selects by `priority`: the lowest first."
    "cps" (Number(1, COUNT_MAX, "new calls a second")) (Words("no limit"))
        "New calls a second that it stands, with one second's worth at once."
    "feedback" (Table) (Words("none is taken"))
        "How it may report its load."

    ["feedback of [[peer]]"]
    "token" (Secret("\"another\"")) (Required)
        "What the peer shows as `Authorization: Bearer …`."
    "ttl" (Kind::Duration(Duration::from_millis(100), Duration::from_secs(FEEDBACK_TTL_SECONDS_MAX as u64))) (Value("\"10s\""))
        "How long a report counts; a report may name a time of its own."
    "capacity" (Word(&["min", "override", "ignore"])) (Value("\"min\""))
        "Whether a reported maximum lowers the configured one, replaces it, or is not looked at."
    "legs_per_call" (Number(1, 100, "legs")) (Value("1"))
        "What a peer reports is divided by this; 2 for one that counts both sides of a call."

    ["[[route]]"]
    "match" (Table) (Words("every request"))
        "What a request must show, all of it. The first route that matches decides; none is 404."
    "group" (Text("the name of a group", "\"pbx\"")) (Words("one of `group`, `uri`, `reject` must stand"))
        "Where the call goes."
    "uri" (Text("`sip:HOST[:PORT][;transport=udp]`", "\"sip:carrier.example\"")) (Words("one of `group`, `uri`, `reject` must stand"))
        "Where the call goes, uncounted there: outbound."
    "reject" (Number(400, 699, "status code")) (Words("one of `group`, `uri`, `reject` must stand"))
        "With what the call is refused."
    "resources" (Composed("list of resources, or table with units of each, 1 to 10000000", "{ calls = 2 }")) (Value("[\"calls\"]"))
        "What one call takes."
    "overflow" (Boolean) (Value("false"))
        "These calls may exceed the capacity."
    "count_source" (Boolean) (Value("true"))
        "A call that a peer places is counted on that peer too."

    ["match of [[route]]"]
    "method" (Text("a method", "\"INVITE\"")) (Words("any"))
        "The request's method."
    "user" (Text("a regular expression", "\"^1\"")) (Words("any"))
        "The user of the Request-URI."
    "host" (Text("a name or an address", "\"sip.example.com\"")) (Words("any"))
        "The host of the Request-URI."
    "source" (Text("a network, `peer:NAME` or `group:NAME`", "\"group:pbx\"")) (Words("any"))
        "Who sent the request."
    "header" (Composed("table of headers, each with a regular expression; `header.X-Tenant = \"^a$\"` for short", "{ X-Tenant = \"^a$\" }")) (Words("any"))
        "What headers say; `\"\"` for one that is there."
}

/// Units that [`KEYS`] tells in words.
const _: () = assert!(CONFIG_UNITS_MAX == 10_000_000);
