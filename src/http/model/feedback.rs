//! What a peer reports of itself. Numbers are taken as JSON numbers first: text in their place is
//! malformed (400), a number that cannot be so is impossible (422).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Number;
use utoipa::ToSchema;

use super::{FeedbackState, ResourceEntry};

/// A report. All fields are optional, one at least is needed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1)]
pub struct FeedbackReport {
    /// Grows with every report within one `boot_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>, format = "uint64", example = 17)]
    pub seq: Option<Number>,
    /// Whether it takes new calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<FeedbackState>,
    /// The idle share of its processors, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 1, example = 0.64)]
    pub cpu_idle: Option<Number>,
    /// How long this report holds; the configured `ttl` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, minimum = 0.001, maximum = 86400, example = 10)]
    pub ttl_seconds: Option<Number>,
    /// Changes when the peer restarts: its calls are then over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 128, example = "a1")]
    pub boot_id: Option<String>,
    /// Load by resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<BTreeMap<String, ReportedResource>>,
    /// The Call-IDs of all its calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<Vec<String>>,
}

/// One resource of a report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportedResource {
    /// Units in use, our calls included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>, format = "uint32", maximum = 4_294_967_295_u64, example = 120)]
    pub used: Option<Number>,
    /// Units that there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>, format = "uint32", maximum = 4_294_967_295_u64, example = 500)]
    pub max: Option<Number>,
}

/// What became of a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FeedbackAnswer {
    /// The peer's name.
    pub peer: String,
    /// The report's `seq`; null when it had none.
    #[schema(required)]
    pub accepted_seq: Option<u64>,
    /// The peer's room as it is reckoned now.
    pub resources: BTreeMap<String, ResourceEntry>,
}
