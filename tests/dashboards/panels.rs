//! The dashboards' JSON and the rules' YAML, read for their expressions.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// One expression of a panel.
pub struct Query {
    /// Dashboard and panel, for messages.
    pub place: String,
    pub expr: String,
    pub legend: String,
    /// Asked for the last moment alone, not over the shown time.
    pub instant: bool,
    /// The panel's unit.
    pub unit: String,
}

impl Query {
    /// The labels of a legend like `{{peer}} {{step}}`.
    pub fn legend_labels(&self) -> Vec<String> {
        let parts = self.legend.split("{{").skip(1);
        parts
            .map(|part| part.split("}}").next().unwrap_or_default().to_owned())
            .collect()
    }
}

/// A recording rule or an alert.
pub struct Rule {
    pub alerts: bool,
    pub name: String,
    pub expr: String,
}

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards")
}

/// Every dashboard with its file's name.
pub fn dashboards() -> Vec<(String, Value)> {
    files("grafana/dashboards", "json")
        .into_iter()
        .map(|(name, text)| {
            let json = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
            (name, json)
        })
        .collect()
}

/// The panels of a dashboard, its rows aside.
pub fn panels(dashboard: &Value) -> Vec<&Value> {
    let panels = dashboard["panels"].as_array().expect("panels");
    let is_row = |panel: &&Value| panel["type"] == "row";
    panels.iter().filter(|panel| !is_row(panel)).collect()
}

/// Every expression of a dashboard's panels.
pub fn queries(name: &str, dashboard: &Value) -> Vec<Query> {
    let mut queries = Vec::new();
    for panel in panels(dashboard) {
        let place = format!("{name}: {}", word(&panel["title"]));
        for target in panel["targets"].as_array().expect("targets") {
            queries.push(Query {
                place: place.clone(),
                expr: word(&target["expr"]),
                legend: word(&target["legendFormat"]),
                instant: target["instant"] == true,
                unit: word(&panel["fieldConfig"]["defaults"]["unit"]),
            });
        }
    }
    queries
}

/// The variables of a dashboard with their queries, the data source aside.
pub fn variables(dashboard: &Value) -> Vec<(String, String)> {
    let list = dashboard["templating"]["list"].as_array();
    list.expect("variables")
        .iter()
        .filter(|variable| variable["type"] == "query")
        .map(|variable| (word(&variable["name"]), word(&variable["query"]["query"])))
        .collect()
}

/// Every rule of every file.
pub fn rules() -> Vec<Rule> {
    let files = files("prometheus/rules", "yml");
    files.iter().flat_map(|(_, text)| rules_of(text)).collect()
}

/// Reads the form in which our rules are written: a name, then its expression on one line or as a block.
fn rules_of(text: &str) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let indent = |line: &str| line.len() - line.trim_start().len();
        let trimmed = line.trim_start();
        for (key, alerts) in [("- record: ", false), ("- alert: ", true)] {
            if let Some(name) = trimmed.strip_prefix(key) {
                rules.push(Rule {
                    alerts,
                    name: name.to_owned(),
                    expr: String::new(),
                });
            }
        }
        let Some(expr) = trimmed.strip_prefix("expr: ") else {
            continue;
        };
        let mut expr = expr.to_owned();
        if expr == "|-" {
            expr.clear();
            while let Some(more) = lines.next_if(|next| indent(next) > indent(line)) {
                expr += more.trim_start();
                expr.push('\n');
            }
        }
        rules.last_mut().expect("a name goes before").expr = expr;
    }
    rules
}

/// The files of a folder with an extension, by name.
pub fn files(of: &str, extension: &str) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(folder().join(of)).expect("the folder is there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == extension));
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy();
            let text = std::fs::read_to_string(&path).expect("a text");
            (name.into_owned(), text)
        })
        .collect()
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
