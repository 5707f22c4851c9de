//! Peers: what is shown of them, and what an operator may change.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::base::limits::CONFIG_UNITS_MAX;

/// A number of units, or the word `"unlimited"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Units {
    /// So many.
    Limited(u32),
    /// No limit.
    Unlimited,
}

impl Serialize for Units {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Limited(units) => serializer.serialize_u32(*units),
            Self::Unlimited => serializer.serialize_str("unlimited"),
        }
    }
}

impl<'de> Deserialize<'de> for Units {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Any value first, so that whatever is wrong is answered with what would be right.
        let value = serde_json::Value::deserialize(deserializer)?;
        let limited = value.as_u64().and_then(|units| u32::try_from(units).ok());
        let limited = limited.filter(|units| *units <= CONFIG_UNITS_MAX);
        match (limited, value.as_str()) {
            (Some(units), _) => Ok(Self::Limited(units)),
            (None, Some("unlimited")) => Ok(Self::Unlimited),
            (None, _) => Err(serde::de::Error::custom(format!(
                "a capacity is a whole number from 0 to {CONFIG_UNITS_MAX}, or \"unlimited\", not {value}",
            ))),
        }
    }
}

impl utoipa::PartialSchema for Units {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Type};
        let number = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(0))
            .maximum(Some(CONFIG_UNITS_MAX));
        let word = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(["unlimited"]));
        OneOfBuilder::new().item(number).item(word).into()
    }
}

impl ToSchema for Units {}

/// The operator's word about a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AdminState {
    /// Takes new calls.
    Enabled,
    /// Takes no new calls, is not wanted at all.
    Disabled,
    /// Takes no new calls; those it has go on.
    Draining,
}

/// An operator's change to a peer. What is left out, or null, stays as it is; something must change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1)]
pub struct PeerPatch {
    /// The operator's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<AdminState>,
    /// With `draining`: seconds from now after which no call is left to the peer: what has not ended by then is ended, by BYE to both
    /// sides or CANCEL. A drain that goes on keeps its deadline where this is left out, and loses it by null.
    #[serde(
        default,
        deserialize_with = "said",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 2_592_000)]
    pub deadline_seconds: Option<Option<f64>>,
    /// New capacities by resource; resources left out keep theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<BTreeMap<String, Units>>,
    /// New weight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 10_000)]
    pub weight: Option<u32>,
}

/// A field that is there, also as null.
fn said<'de, D, T>(field: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(field).map(Some)
}

/// What a peer has of one resource. Unlimited is null.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ResourceEntry {
    /// Units that our live calls hold.
    pub own: u64,
    /// Units that the peer reports beyond our own.
    pub foreign: u64,
    /// Units that it has in all; null for unlimited.
    #[schema(required)]
    pub capacity: Option<u64>,
    /// Units that a new call may take; null for unlimited.
    #[schema(required)]
    pub free: Option<u64>,
    /// 1 − free / capacity; null for unlimited.
    #[schema(required)]
    pub utilisation: Option<f64>,
}

/// How far a drain has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DrainState {
    /// Calls are left.
    Draining,
    /// None is.
    Drained,
}

/// Who drains a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DrainBy {
    /// The operator, whatever the peer says.
    Operator,
    /// The peer, by its own report.
    Peer,
}

/// A peer that is being emptied: it gets no new calls, those that it has go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DrainEntry {
    /// How far it has come.
    pub state: DrainState,
    /// Who began it.
    pub by: DrainBy,
    /// How long ago it began; null where that is not known.
    #[schema(required)]
    pub age_seconds: Option<f64>,
    /// Calls that are counted on it, ringing ones too; one that it placed to itself counts twice. Calls that are not ours
    /// (`foreign`) are neither counted nor ended.
    pub calls_left: u64,
    /// Until the last of them may be over, by the ages that its calls had when the drain began, and no later than the deadline;
    /// null where nothing can be said: they are not known yet, or the calls that are left have outlasted them all.
    #[schema(required)]
    pub expected_in_seconds: Option<f64>,
    /// Until what is left is ended; 0 once that is so, null without a deadline.
    #[schema(required)]
    pub deadline_in_seconds: Option<f64>,
}

/// What a peer has said of itself. All null until it reports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FeedbackEntry {
    /// How long ago its last report came.
    #[schema(required)]
    pub age_seconds: Option<f64>,
    /// The last report's `seq`.
    #[schema(required)]
    pub seq: Option<u64>,
    /// The last report's `state`.
    #[schema(required)]
    pub state: Option<FeedbackState>,
    /// False once the report is older than its time to live: it then has no effect.
    pub fresh: bool,
}

/// What the probes of a peer have shown. All null until the first one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProbeEntry {
    /// The SIP status of the last answer.
    #[schema(required)]
    pub last_status: Option<u16>,
    /// How long the last answer took.
    #[schema(required)]
    pub rtt_ms: Option<f64>,
    /// When the next probe is due.
    #[schema(required)]
    pub next_in_seconds: Option<f64>,
}

/// Whether a peer takes calls, by its own word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FeedbackState {
    /// It takes new calls.
    Accepting,
    /// It takes no new calls; those it has go on.
    Draining,
    /// It takes no new calls for now.
    Paused,
}

/// Whether a peer is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HealthState {
    /// It answers.
    Up,
    /// It does not.
    Down,
    /// Nothing is known yet; it is tried.
    Unknown,
}

/// A peer: configuration, the operator's word, health and feedback, each for itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PeerEntry {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub uri: String,
    /// The groups it serves.
    pub groups: Vec<String>,
    /// Its weight.
    pub weight: u32,
    /// The operator's word.
    pub admin: AdminState,
    /// How far it is emptied; null when nobody drains it.
    #[schema(required)]
    pub drain: Option<DrainEntry>,
    /// Alive?
    pub health: HealthState,
    /// False when its feedback, or a 503, says that it takes no new calls.
    pub accepting: bool,
    /// Whether a new call may be given to it now, its room aside.
    pub eligible: bool,
    /// Why not, in words; empty when it is eligible.
    pub why_not: Vec<String>,
    /// Room, by resource.
    pub resources: BTreeMap<String, ResourceEntry>,
    /// What it has said of itself.
    pub feedback: FeedbackEntry,
    /// What its probes have shown.
    pub probe: ProbeEntry,
}

/// All peers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PeerList {
    /// In order of name.
    pub peers: Vec<PeerEntry>,
}

/// A peer as `PUT` takes it: the keys of a `[[peer]]` table. What is left out has its default.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PeerSpec {
    /// The name in the path, if given at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    pub name: Option<String>,
    /// Where the peer is.
    #[schema(example = "sip:10.0.0.11:5060;transport=udp")]
    pub uri: String,
    /// The groups it serves, which are configured; the first when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_items = 1)]
    pub groups: Option<Vec<String>>,
    /// Room by resource, of which there is one at least; a resource left out is not offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub capacity: Option<BTreeMap<String, Units>>,
    /// Its share where a group selects by `weighted` or `hash`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 10_000)]
    pub weight: Option<u32>,
    /// For `select = "priority"`: lowest first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, maximum = 1_000_000)]
    pub priority: Option<u32>,
    /// New calls a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 1_000_000)]
    pub cps: Option<u32>,
    /// How its reports are taken; when left out, none is where the server listens beyond loopback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub feedback: Option<PeerFeedback>,
}

/// How a peer's reports are taken.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PeerFeedback {
    /// What the peer shows as `Authorization: Bearer …`.
    pub token: String,
    /// How long a report counts, as `"10s"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub ttl: Option<String>,
    /// Whether a reported maximum lowers the configured one (`min`), replaces it, or is not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub capacity: Option<PeerFeedbackCapacity>,
    /// What is reported is divided by this; 2 for a peer that counts both sides of a call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 100)]
    pub legs_per_call: Option<u32>,
}

/// What a reported maximum does to the configured one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PeerFeedbackCapacity {
    /// Lowers it.
    Min,
    /// Replaces it.
    Override,
    /// Nothing.
    Ignore,
}
