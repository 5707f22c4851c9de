//! A tree of values that remember where they stand, from TOML or from JSON, so that both are read by the same code.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Spot {
    /// Byte offset in the file.
    Offset(usize),
    /// Path in a JSON body.
    Path(String),
}

#[derive(Clone)]
pub(super) struct Node {
    /// The key it was given, an item that of its list.
    pub(super) label: String,
    pub(super) spot: Spot,
    pub(super) value: Value,
}

#[derive(Clone)]
pub(super) enum Value {
    Text(String),
    /// Beyond i128 it is the nearest that fits: no range we accept comes near.
    Integer(i128),
    Float,
    Bool(bool),
    Date,
    Null,
    List(Vec<Node>),
    Table(Vec<Entry>),
}

#[derive(Clone)]
pub(super) struct Entry {
    /// Where the key stands.
    pub(super) spot: Spot,
    /// Labelled with the key.
    pub(super) node: Node,
}

impl Value {
    /// What it is, for "is …, must be …".
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Integer(_) => "a number",
            Self::Float => "a number with a fraction",
            Self::Bool(_) => "true or false",
            Self::Date => "a date",
            Self::Null => "null",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// The tree of a TOML document, keys in the order of the file.
pub(super) fn from_toml(table: DeTable<'_>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = table
        .into_iter()
        .map(|(key, value)| Entry {
            spot: Spot::Offset(key.span().start),
            node: toml_node(key.get_ref(), value),
        })
        .collect();
    entries.sort_by(|a, b| a.spot.cmp(&b.spot));
    entries
}

fn toml_node(label: &str, value: Spanned<DeValue<'_>>) -> Node {
    let spot = Spot::Offset(value.span().start);
    let value = match value.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => Value::Integer(whole(number.as_str(), number.radix())),
        DeValue::Float(_) => Value::Float,
        DeValue::Boolean(yes) => Value::Bool(yes),
        DeValue::Datetime(_) => Value::Date,
        DeValue::Array(list) => Value::List(
            list.into_iter()
                .map(|item| toml_node(label, item))
                .collect(),
        ),
        DeValue::Table(table) => Value::Table(from_toml(table)),
    };
    Node {
        label: label.to_owned(),
        spot,
        value,
    }
}

fn whole(digits: &str, radix: u32) -> i128 {
    let beyond = if digits.starts_with('-') {
        i128::MIN
    } else {
        i128::MAX
    };
    i128::from_str_radix(digits, radix).unwrap_or(beyond)
}

/// The tree of a JSON value that stands under `label` at `path`.
pub(super) fn from_json(value: &serde_json::Value, label: &str, path: &str) -> Node {
    use serde_json::Value as Json;
    let value = match value {
        Json::Null => Value::Null,
        Json::Bool(yes) => Value::Bool(*yes),
        Json::Number(number) => json_number(number),
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(list) => Value::List(
            list.iter()
                .enumerate()
                .map(|(i, item)| from_json(item, label, &format!("{path}[{i}]")))
                .collect(),
        ),
        Json::Object(map) => Value::Table(
            map.iter()
                .map(|(key, value)| json_entry(key, value, path))
                .collect(),
        ),
    };
    Node {
        label: label.to_owned(),
        spot: Spot::Path(path.to_owned()),
        value,
    }
}

fn json_entry(key: &str, value: &serde_json::Value, path: &str) -> Entry {
    let path = if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    };
    Entry {
        node: from_json(value, key, &path),
        spot: Spot::Path(path),
    }
}

fn json_number(number: &serde_json::Number) -> Value {
    let signed = number.as_i64().map(i128::from);
    match signed.or_else(|| number.as_u64().map(i128::from)) {
        Some(number) => Value::Integer(number),
        None => Value::Float,
    }
}
