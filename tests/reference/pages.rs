//! The pages, and whether they are current.

use std::fmt::Write;
use std::path::Path;

use tandem::config::{KEYS, Key, Unset};
use tandem::metrics::{FAMILIES, Family};

const CONFIG_HEAD: &str = "# Configuration\n
<!-- Written from src/config/keys.rs by `TANDEM_WRITE_DOCS=1 cargo test --test reference`. -->\n
Every key of the configuration file, which is TOML. [`config/tandem.toml`](../config/tandem.toml) explains the same by example, and
`tandem check --config config/tandem.toml` says what is wrong with a file, with line and column.\n
- A key that is not listed here is an error. `[[peer]]` must be there once at least; everything else has a default.
- Durations are texts of whole numbers with `d`, `h`, `m`, `s`, `ms`: `\"500ms\"`, `\"1m30s\"`.
- Any text, number or boolean may be `\"env:NAME\"`, an environment variable, or `\"file:PATH\"`, a file's text; a relative path starts at
  the configuration's folder. Secrets so written stand in no configuration.
- A reload (`SIGHUP`, `POST /v1/reload`) takes everything into use but what says *restart*; counts stay.\n";

const METRICS_HEAD: &str = "# Metrics\n
<!-- Written from src/metrics/names.rs by `TANDEM_WRITE_DOCS=1 cargo test --test reference`. -->\n
What `GET /metrics` answers, in Prometheus' text format. Durations are in seconds, sizes in bytes; other values are plain
numbers. A counter starts at 0 with the process. A histogram has the series `_bucket` with the label `le`, `_sum` and `_count`. Labels are never
addresses or Call-IDs. [`dashboards/`](../dashboards/README.md) puts them to use, and says what to do about each alert.\n
| name | type | labels | unit | meaning |
|---|---|---|---|---|\n";

/// A cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn key_row(key: &Key) -> String {
    let default = match key.default {
        Unset::Value(value) => format!("`{value}`"),
        Unset::Words(words) => words.to_owned(),
        Unset::Required => "*required*".to_owned(),
    };
    let bounds = key
        .bounds()
        .map(|(least, most)| format!("{least} to {most}"));
    let restart = if key.restart { " *Restart.*" } else { "" };
    format!(
        "| `{}` | {} | {} | {} | {}{restart} |\n",
        key.name,
        cell(&key.form()),
        cell(&default),
        bounds.map_or(String::new(), |bounds| bounds.replace('"', "")),
        cell(key.meaning),
    )
}

fn config_page() -> String {
    let mut page = CONFIG_HEAD.to_owned();
    let mut table = "";
    for key in KEYS {
        if key.table != table {
            table = key.table;
            let title = table
                .split(' ')
                .map(|word| match word.trim_end_matches(',') {
                    "and" | "of" => word.to_owned(),
                    name => word.replace(name, &format!("`{name}`")),
                });
            let title: Vec<String> = title.collect();
            let head = "| key | type | default | from, to | meaning |\n|---|---|---|---|---|";
            writeln!(page, "\n## {}\n\n{head}", title.join(" ")).expect("text takes all");
        }
        page.push_str(&key_row(key));
    }
    page
}

fn metric_row(family: &Family) -> String {
    let labels: Vec<String> = family
        .labels
        .iter()
        .map(|label| format!("`{label}`"))
        .collect();
    let unit = family.unit().unwrap_or("");
    let (name, kind, help) = (family.name, family.kind.as_str(), cell(family.help));
    format!(
        "| `{name}` | {kind} | {} | {unit} | {help} |\n",
        labels.join(", ")
    )
}

fn metrics_page() -> String {
    let rows: Vec<String> = FAMILIES.iter().map(metric_row).collect();
    format!("{METRICS_HEAD}{}", rows.concat())
}

#[track_caller]
fn current(path: &str, wanted: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("TANDEM_WRITE_DOCS").is_some() {
        std::fs::write(&file, wanted).expect("written");
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    let differs = found
        .lines()
        .zip(wanted.lines())
        .find(|(found, wanted)| found != wanted);
    assert!(
        found == wanted,
        "{path} is not current, first where it says {differs:?}: TANDEM_WRITE_DOCS=1 cargo test --test reference"
    );
}

#[test]
fn the_page_of_keys_is_current() {
    current("docs/CONFIG.md", &config_page());
}

#[test]
fn the_page_of_metrics_is_current() {
    current("docs/METRICS.md", &metrics_page());
}
