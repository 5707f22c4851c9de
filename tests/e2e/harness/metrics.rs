//! Prometheus text, read back.

use std::collections::BTreeMap;

/// One scrape.
pub struct Scrape(Vec<Sample>);

struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Scrape {
    pub fn parse(text: &str) -> Self {
        let lines = text
            .lines()
            .filter(|line| !line.starts_with('#') && !line.trim().is_empty());
        Self(lines.map(sample).collect())
    }

    /// The sum of all samples of `name` that carry all of `labels`; 0 when there are none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.matching(name, labels)
            .fold(0.0, |sum, sample| sum + sample.value)
    }

    /// The one sample of `name` with `labels`.
    pub fn one(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        self.matching(name, labels).map(|s| s.value).next()
    }

    /// The values of `label` over all samples of `name`.
    pub fn label_values(&self, name: &str, label: &str) -> Vec<String> {
        let mut values: Vec<String> = self
            .matching(name, &[])
            .filter_map(|sample| sample.labels.get(label).cloned())
            .collect();
        values.sort();
        values.dedup();
        values
    }

    fn matching<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = &'a Sample> {
        self.0.iter().filter(move |sample| {
            sample.name == name
                && labels
                    .iter()
                    .all(|(key, value)| sample.labels.get(*key).map(String::as_str) == Some(value))
        })
    }
}

fn sample(line: &str) -> Sample {
    let (head, value) = line.rsplit_once(' ').expect("a sample has a value");
    let (name, labels) = match head.split_once('{') {
        Some((name, rest)) => (name, labels(rest.trim_end_matches('}'))),
        None => (head, BTreeMap::new()),
    };
    Sample {
        name: name.to_owned(),
        labels,
        value: value
            .parse()
            .unwrap_or_else(|_| panic!("bad value in `{line}`")),
    }
}

fn labels(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for part in text.split("\",") {
        if let Some((key, value)) = part.split_once("=\"") {
            found.insert(
                key.trim().to_owned(),
                value.trim_end_matches('"').to_owned(),
            );
        }
    }
    found
}

#[test]
fn a_scrape_gives_back_values_by_name_and_labels() {
    let scrape = Scrape::parse(
        "# TYPE a gauge\na{peer=\"x\",resource=\"calls\"} 3\na{peer=\"y\",resource=\"calls\"} 4\nb 1.5\n",
    );
    assert_eq!(scrape.sum("a", &[("resource", "calls")]), 7.0);
    assert_eq!(scrape.one("a", &[("peer", "y")]), Some(4.0));
    assert_eq!(scrape.one("b", &[]), Some(1.5));
    assert_eq!(scrape.one("c", &[]), None);
    assert_eq!(scrape.label_values("a", "peer"), ["x", "y"]);
}
