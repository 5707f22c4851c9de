//! Every expression of every panel and rule, worked out by a real Prometheus while calls come in.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::harness::lock;
use crate::harness::prometheus::Prometheus;
use crate::harness::sipp::{Load, Sipp};
use crate::harness::tandem::Tandem;
use crate::harness::wait;

#[path = "../../dashboards/panels.rs"]
mod panels;

/// Long enough for rates over ten seconds to begin.
const SOON: Duration = Duration::from_secs(40);

/// What Grafana puts in place of its variables: everything, and short spans.
fn filled(expr: &str) -> String {
    let mut expr = expr
        .replace("$__rate_interval", "10s")
        .replace("$__range", "1m");
    for variable in ["$instance", "$group", "$peer", "$resource"] {
        expr = expr.replace(variable, ".*");
    }
    assert!(!expr.contains('$'), "a variable is left in {expr}");
    expr
}

/// The series of a vector or matrix; panics at anything else.
#[track_caller]
fn series<'a>(data: &'a Value, shape: &str, expr: &str) -> &'a Vec<Value> {
    assert_eq!(data["resultType"], shape, "{expr}");
    data["result"].as_array().expect("a result")
}

/// The last value of a series; none where it is not a number.
fn last(series: &Value) -> Option<f64> {
    let pair = series["values"]
        .as_array()
        .map_or(&series["value"], |values| &values[values.len() - 1]);
    let value: f64 = pair[1].as_str()?.parse().ok()?;
    (!value.is_nan()).then_some(value)
}

/// Asks until there is data; gives the number of series.
#[track_caller]
fn gives_data(prometheus: &Prometheus, query: &panels::Query) -> usize {
    let expr = filled(&query.expr);
    let (path, shape) = match query.instant {
        true => ("/api/v1/query", "vector"),
        false => ("/api/v1/query_range", "matrix"),
    };
    let found = wait::until(&format!("data of {}: {expr}", query.place), SOON, || {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("after 1970");
        let (end, start) = (now.as_secs_f64(), now.as_secs_f64() - 15.0);
        let (start, end) = (start.to_string(), end.to_string());
        let range = [
            ("query", &*expr),
            ("start", &*start),
            ("end", &*end),
            ("step", "1"),
        ];
        let arguments = if query.instant {
            &range[..1]
        } else {
            &range[..]
        };
        let data = prometheus.ask(path, arguments);
        let data = data.unwrap_or_else(|error| panic!("{}: {error}", query.place));
        let found = series(&data, shape, &expr);
        found
            .iter()
            .any(|one| last(one).is_some())
            .then(|| found.clone())
    });
    for label in query.legend_labels() {
        let named = |one: &Value| one["metric"][&label].is_string();
        assert!(found.iter().all(named), "{}: no {label}", query.place);
    }
    if query.unit == "percentunit" {
        for value in found.iter().filter_map(last) {
            assert!(
                (0.0..=1.0).contains(&value),
                "{}: a share of {value}",
                query.place
            );
        }
    }
    found.len()
}

/// Two PBXes that answer, one that is full, and calls that come faster than they end.
fn filling_house() -> (Tandem, Vec<Sipp>, Sipp) {
    let pbxes = vec![
        Sipp::pbx("a", "pbx.xml"),
        Sipp::pbx("b", "pbx.xml"),
        Sipp::pbx("full", "pbx_503.xml"),
    ];
    let mut config = String::from("[probe]\ninterval = \"1s\"\n[[group]]\nname = \"pbx\"\n");
    for (pbx, calls) in pbxes.iter().zip([2000, 1000, 200]) {
        config += &pbx.config(&format!(
            "capacity = {{ calls = {calls} }}\nfeedback = {{ token = \"secret\", ttl = \"60s\" }}"
        ));
    }
    let tandem = Tandem::start(&config);
    for peer in ["a", "b", "full"] {
        // One list alone ends no call.
        let report = json!({ "seq": 1, "cpu_idle": 0.9, "resources": { "calls": { "used": 3 } }, "calls": [] });
        assert_eq!(tandem.feedback(peer, "secret", &report).status, 200);
    }
    let load = Load {
        scenario: "caller.xml",
        service: "1001",
        calls: 900,
        cps: 30,
        hold: Duration::from_secs(15),
    };
    let caller = Sipp::caller("caller", tandem.sip, &load);
    (tandem, pbxes, caller)
}

/// Recording rules give data; alerts are for faults, and here must only be worked out without an error.
#[track_caller]
fn rules_work(prometheus: &Prometheus) -> (usize, usize, usize) {
    let (mut recorded, mut alerts, mut found) = (0, 0, 0);
    for rule in panels::rules() {
        let query = panels::Query {
            place: rule.name.clone(),
            expr: if rule.alerts { rule.expr } else { rule.name },
            legend: String::new(),
            instant: true,
            unit: String::new(),
        };
        if rule.alerts {
            alerts += 1;
            let data = prometheus.ask("/api/v1/query", &[("query", &query.expr)]);
            let data = data.unwrap_or_else(|error| panic!("{}: {error}", query.place));
            series(&data, "vector", &query.expr);
        } else {
            recorded += 1;
            found += gives_data(prometheus, &query);
        }
    }
    let loaded = prometheus.ask("/api/v1/rules", &[]).expect("rules");
    let loaded = loaded["groups"].as_array().expect("groups").iter();
    let loaded: Vec<&Value> = loaded
        .flat_map(|group| group["rules"].as_array().expect("rules"))
        .collect();
    assert_eq!(loaded.len(), recorded + alerts, "every rule is loaded");
    for rule in loaded {
        assert_eq!(
            rule["health"], "ok",
            "{}: {}",
            rule["name"], rule["lastError"]
        );
    }
    (recorded, alerts, found)
}

#[test]
fn every_expression_of_every_panel_and_rule_gives_data_under_load() {
    let _turn = lock::alone();
    let (tandem, pbxes, mut caller) = filling_house();
    let prometheus = Prometheus::start(tandem.http.authority());
    let began = Instant::now();
    let (mut panel_count, mut expressions, mut found) = (0, 0, 0);
    for (name, dashboard) in panels::dashboards() {
        panel_count += panels::panels(&dashboard).len();
        for (variable, query) in panels::variables(&dashboard) {
            let query = filled(
                query
                    .trim_start_matches("label_values(")
                    .trim_end_matches(')'),
            );
            let (selector, label) = query.rsplit_once(", ").expect("series and label");
            let path = format!("/api/v1/label/{label}/values");
            wait::until(&format!("values of ${variable}"), SOON, || {
                let values = prometheus.ask(&path, &[("match[]", selector)]);
                let values = values.unwrap_or_else(|error| panic!("{name} ${variable}: {error}"));
                (!values.as_array().expect("values").is_empty()).then_some(())
            });
        }
        for query in panels::queries(&name, &dashboard) {
            expressions += 1;
            let report = json!({ "seq": 1 + expressions, "cpu_idle": 0.9 });
            assert_eq!(tandem.feedback("a", "secret", &report).status, 200);
            found += gives_data(&prometheus, &query);
        }
    }
    let (recorded, alerts, more) = rules_work(&prometheus);
    println!(
        "{panel_count} panels, {expressions} expressions, {recorded} recording rules, {alerts} alerts: {} series in {:.0} s",
        found + more,
        began.elapsed().as_secs_f64()
    );
    assert!(
        panel_count >= 50 && expressions >= 60,
        "{panel_count} panels, {expressions} expressions"
    );
    assert_eq!(caller.succeeds(Duration::from_secs(60)).successful, 900);
    tandem.books_close(Duration::from_secs(5));
    drop(pbxes);
    tandem.finish();
}
