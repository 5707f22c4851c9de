//! The dashboards, recording rules and alerts say only what Tandem can show, and their own tests pass.
//!
//! That every expression gives data is shown by the end-to-end tests, with a real Prometheus.

#[path = "dashboards/panels.rs"]
mod panels;
#[path = "dashboards/promql.rs"]
mod promql;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use tandem::metrics::{FAMILIES, Kind};

/// The labels of every series that may be named, by name.
fn known() -> BTreeMap<String, Vec<&'static str>> {
    let mut known = BTreeMap::new();
    for family in FAMILIES {
        let mut add = |suffix: &str, more: &[&'static str]| {
            let labels = [family.labels, more, &["job", "instance"]].concat();
            known.insert(format!("{}{suffix}", family.name), labels);
        };
        match family.kind {
            Kind::Counter | Kind::Gauge => add("", &[]),
            Kind::Histogram => {
                add("_bucket", &["le"]);
                add("_sum", &[]);
                add("_count", &[]);
            }
        }
    }
    known.insert("up".to_owned(), vec!["job", "instance"]);
    known.insert(
        "ALERTS".to_owned(),
        vec!["alertname", "alertstate", "severity"],
    );
    for rule in panels::rules().iter().filter(|rule| !rule.alerts) {
        let labels = grouping(&rule.expr, &known);
        known.insert(rule.name.clone(), labels);
    }
    known
}

/// The labels that a recording rule leaves: the outermost `by`, or those of the first series it is made from.
fn grouping(expr: &str, known: &BTreeMap<String, Vec<&'static str>>) -> Vec<&'static str> {
    let names = promql::names(expr);
    let first = names.metrics.first().expect("a rule names a metric");
    let labels = known.get(&first.name).expect("rules stand in order");
    let by = expr.contains(" by (");
    let kept = labels.iter().filter(|label| {
        let named = names.grouping.iter().any(|grouped| grouped == *label);
        !by || (named && **label != "peer" && **label != "le")
    });
    kept.copied().collect()
}

/// What is wrong with the names of an expression; `shown` are labels that a legend names.
fn strangers(expr: &str, shown: &[String], known: &BTreeMap<String, Vec<&str>>) -> Vec<String> {
    let names = promql::names(expr);
    let mut findings = Vec::new();
    let mut all = BTreeSet::new();
    for metric in &names.metrics {
        let Some(labels) = known.get(&metric.name) else {
            findings.push(format!("no metric {}", metric.name));
            continue;
        };
        all.extend(labels.iter().copied());
        let foreign = metric
            .labels
            .iter()
            .filter(|l| !labels.contains(&l.as_str()));
        findings.extend(foreign.map(|label| format!("{} has no label {label}", metric.name)));
    }
    let foreign = names.grouping.iter().chain(shown);
    let foreign = foreign.filter(|label| !all.contains(label.as_str()));
    findings.extend(foreign.map(|label| format!("nothing here has the label {label}")));
    findings
}

#[test]
fn every_name_and_label_is_in_the_table_of_metrics() {
    let known = known();
    let mut findings = Vec::new();
    let mut seen = 0;
    let mut judge = |place: &str, expr: &str, shown: &[String]| {
        seen += 1;
        for finding in strangers(expr, shown, &known) {
            findings.push(format!("{place}: {finding}"));
        }
    };
    for rule in panels::rules() {
        judge(&rule.name, &rule.expr, &[]);
    }
    for (name, dashboard) in panels::dashboards() {
        for query in panels::queries(&name, &dashboard) {
            judge(&query.place, &query.expr, &query.legend_labels());
        }
        for (variable, query) in panels::variables(&dashboard) {
            let (selector, label) = query
                .rsplit_once(", ")
                .expect("label_values(series, label)");
            let selector = selector.trim_start_matches("label_values(");
            let label = label.trim_end_matches(')').to_owned();
            judge(&format!("{name}: ${variable}"), selector, &[label]);
        }
    }
    assert!(seen > 90, "only {seen} expressions were found");
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[test]
fn a_name_or_label_that_does_not_exist_is_found() {
    let known = known();
    for (expr, shown) in [
        ("tandem_peer_owned", &[][..]),
        ("tandem_peer_own{group=\"x\"}", &[]),
        ("sum by (step) (tandem_peer_own)", &[]),
        ("group:tandem_free:sum{peer=\"x\"}", &[]),
        ("tandem_peer_up", &["group"]),
    ] {
        let shown: Vec<String> = shown.iter().map(|&label| label.to_owned()).collect();
        assert_eq!(strangers(expr, &shown, &known).len(), 1, "{expr} {shown:?}");
    }
    assert!(
        strangers(
            "sum by (group) (group:tandem_free:sum{resource=\"x\"})",
            &[],
            &known
        )
        .is_empty()
    );
}

#[test]
fn every_panel_says_what_it_shows_and_in_which_unit() {
    for (name, dashboard) in panels::dashboards() {
        let mut ids = BTreeSet::new();
        for panel in panels::panels(&dashboard) {
            let place = format!("{name}: {}", panel["title"]);
            assert!(
                ids.insert(panel["id"].as_u64()),
                "{place}: its id is another's"
            );
            let description = panel["description"].as_str().unwrap_or_default();
            assert!(description.ends_with('.'), "{place}: no description");
            let defaults = &panel["fieldConfig"]["defaults"];
            let in_words = ["state-timeline", "table", "heatmap"]
                .iter()
                .any(|kind| panel["type"] == *kind);
            assert!(in_words || defaults["unit"].is_string(), "{place}: no unit");
            let steps = defaults["thresholds"]["steps"].as_array();
            let values = steps
                .into_iter()
                .flatten()
                .map(|step| step["value"].as_f64());
            assert!(values.is_sorted(), "{place}: thresholds do not rise");
        }
    }
}

#[test]
fn expressions_use_only_variables_that_their_dashboard_declares() {
    for (name, dashboard) in panels::dashboards() {
        let declared = panels::variables(&dashboard);
        for query in panels::queries(&name, &dashboard) {
            for part in query.expr.split('$').skip(1) {
                let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                let used = &part[..end.unwrap_or(part.len())];
                let known = ["__rate_interval", "__range"].contains(&used)
                    || declared.iter().any(|(variable, _)| variable == used);
                assert!(known, "{}: ${used}", query.place);
            }
        }
    }
}

#[test]
fn shares_and_times_have_their_unit_and_tables_show_what_is() {
    for (name, dashboard) in panels::dashboards() {
        for query in panels::queries(&name, &dashboard) {
            let place = &query.place;
            if query.expr.contains(":ratio") {
                assert_eq!(query.unit, "percentunit", "{place}");
            }
            if query.expr.starts_with("histogram_quantile(") {
                assert_eq!(query.unit, "s", "{place}");
            }
            assert!(!query.instant || !query.expr.contains("rate("), "{place}");
        }
    }
}

#[track_caller]
fn succeeds(program: &str, args: &[String]) -> String {
    let output = Command::new(program)
        .args(args)
        .output()
        .unwrap_or_else(|error| {
            panic!("cannot start `{program}`: {error}; scripts/test installs what these tests need")
        });
    let words = [output.stdout, output.stderr].concat();
    let words = String::from_utf8_lossy(&words).into_owned();
    assert!(output.status.success(), "{program} {args:?}\n{words}");
    words
}

fn paths(of: &str, extension: &str) -> Vec<String> {
    let files = panels::files(of, extension).into_iter();
    files
        .map(|(name, _)| panels::folder().join(of).join(name).display().to_string())
        .collect()
}

#[test]
fn json_and_page_are_as_their_source_writes_them() {
    let build = panels::folder()
        .join("source/build.py")
        .display()
        .to_string();
    succeeds("python3", &[build, "--check".to_owned()]);
}

#[test]
fn promtool_accepts_the_configuration_and_the_rules_tests_pass() {
    let check = |words: &[&str], files: Vec<String>| {
        let words = words.iter().map(|&word| word.to_owned());
        succeeds("promtool", &words.chain(files).collect::<Vec<_>>());
    };
    let config = panels::folder().join("prometheus/prometheus.yml");
    check(&["check", "config"], vec![config.display().to_string()]);
    check(&["check", "rules"], paths("prometheus/rules", "yml"));
    check(&["test", "rules"], paths("prometheus/tests", "yml"));
}

#[test]
fn compose_and_provisioning_point_at_what_is_there() {
    let read = |path: &str| {
        let text = std::fs::read_to_string(panels::folder().join(path));
        text.unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    let compose = read("compose.yaml");
    let mounts = compose.lines().filter_map(|line| {
        let mount = line.trim().strip_prefix("- ")?.strip_suffix(":ro")?;
        mount.split_once(':')
    });
    let mounts: Vec<(&str, &str)> = mounts.collect();
    assert!(mounts.len() >= 4, "{mounts:?}");
    for (from, _) in &mounts {
        assert!(panels::folder().join(from).is_dir(), "{from} is mounted");
    }
    let provider = read("grafana/provisioning/dashboards/tandem.yml");
    let target = mounts
        .iter()
        .find(|(from, _)| *from == "./grafana/dashboards");
    let target = target.expect("the dashboards are mounted").1;
    assert!(
        provider.contains(&format!("path: {target}\n")),
        "{provider}"
    );
    let source = read("grafana/provisioning/datasources/tandem.yml");
    let address = "127.0.0.1:9090";
    assert!(source.contains(&format!("url: http://{address}\n")));
    assert!(compose.contains(&format!("--web.listen-address={address}\n")));
    // Rates look back over this many scrapes, so both must say the same.
    let interval = read("prometheus/prometheus.yml");
    assert!(interval.contains("scrape_interval: 5s\n") && source.contains("timeInterval: 5s\n"));
}

#[test]
fn every_alert_is_tested_firing_and_silent_and_says_what_to_do() {
    let tests = panels::files("prometheus/tests", "yml");
    let tests: String = tests.into_iter().map(|(_, text)| text).collect();
    let page = std::fs::read_to_string(panels::folder().join("README.md")).expect("the page");
    let operating = std::fs::read_to_string(panels::folder().join("../docs/OPERATING.md"));
    let operating = operating.expect("the page");
    let critical = critical_alerts();
    let alerts = panels::rules().into_iter().filter(|rule| rule.alerts);
    let mut count = 0;
    for alert in alerts {
        count += 1;
        let name = &alert.name;
        for (what, expected) in [("firing", "exp_alerts:\n"), ("silent", "exp_alerts: []\n")] {
            let case = format!("alertname: {name}\n        {expected}");
            assert!(tests.contains(&case), "{name} is not tested {what}");
        }
        assert!(
            page.contains(&format!("### {name}\n")),
            "{name} is not in README.md"
        );
        let mark = if critical.contains(name) { "**" } else { "" };
        let row = format!("\n| {mark}{name}{mark} | ");
        assert!(operating.contains(&row), "{row} is not in OPERATING.md");
    }
    assert!(count >= 12, "only {count} alerts were found");
}

/// Alerts that are for whoever is on call.
fn critical_alerts() -> Vec<String> {
    let rules = std::fs::read_to_string(panels::folder().join("prometheus/rules/alerts.yml"));
    let rules = rules.expect("the rules");
    let each = rules.split("- alert: ").skip(1);
    let critical = each.filter(|rule| rule.contains("severity: critical"));
    let names = critical.filter_map(|rule| rule.lines().next());
    names.map(str::to_owned).collect()
}
