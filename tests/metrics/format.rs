//! A strict reader of the text format, version 0.0.4.

use std::collections::BTreeSet;

#[derive(Debug)]
pub struct Sample {
    pub name: String,
    pub labels: Vec<(String, String)>,
    pub value: f64,
}

#[derive(Debug)]
pub struct FamilyRead {
    pub name: String,
    pub kind: String,
    pub help: String,
    pub samples: Vec<Sample>,
}

pub struct Exposition {
    pub families: Vec<FamilyRead>,
}

impl Exposition {
    /// Panics at anything that is not well formed: a family twice, a sample apart from its family, a series twice.
    #[track_caller]
    pub fn read(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line is not ended");
        let mut families: Vec<FamilyRead> = Vec::new();
        let mut help = None;
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                help = rest.split_once(' ');
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a type");
                let (named, words) = help.take().expect("HELP goes before TYPE");
                assert_eq!(named, name);
                assert!(
                    families.iter().all(|known| known.name != name),
                    "{name} twice"
                );
                families.push(FamilyRead {
                    name: name.to_owned(),
                    kind: kind.to_owned(),
                    help: words.to_owned(),
                    samples: Vec::new(),
                });
            } else {
                let sample = read_sample(line);
                let family = families
                    .last_mut()
                    .expect("a family goes before its samples");
                assert!(
                    belongs(&sample.name, family),
                    "{line} after {}",
                    family.name
                );
                family.samples.push(sample);
            }
        }
        for family in &families {
            no_series_twice(family);
        }
        Self { families }
    }

    fn matching<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = &'a Sample> {
        let has = |sample: &Sample, (name, value): &(&str, &str)| {
            sample
                .labels
                .iter()
                .any(|(known, held)| known == name && held == value)
        };
        self.families
            .iter()
            .flat_map(|family| &family.samples)
            .filter(move |sample| {
                sample.name == name && labels.iter().all(|pair| has(sample, pair))
            })
    }

    pub fn count(&self, name: &str, labels: &[(&str, &str)]) -> usize {
        self.matching(name, labels).count()
    }

    /// The one sample of this name that has these labels.
    #[track_caller]
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let mut found = self.matching(name, labels);
        let value = found.next().map(|sample| sample.value);
        assert!(found.next().is_none(), "more than one {name} {labels:?}");
        value
    }
}

fn belongs(sample: &str, family: &FamilyRead) -> bool {
    let suffixes: &[&str] = match family.kind.as_str() {
        "histogram" => &["_bucket", "_sum", "_count"],
        _ => &[""],
    };
    let rest = sample.strip_prefix(family.name.as_str());
    rest.is_some_and(|rest| suffixes.contains(&rest))
}

fn no_series_twice(family: &FamilyRead) {
    let mut seen = BTreeSet::new();
    for sample in &family.samples {
        let mut labels = sample.labels.clone();
        labels.sort();
        let series = (sample.name.clone(), labels);
        assert!(seen.insert(series.clone()), "{series:?} twice");
    }
}

#[track_caller]
fn read_sample(line: &str) -> Sample {
    let end = line.find(['{', ' ']).expect("a value");
    let (name, mut rest) = line.split_at(end);
    let mut labels = Vec::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, after) = rest.split_once("=\"").expect("a label");
            let (value, after) = unescape(after);
            labels.push((label.to_owned(), value));
            rest = after;
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => break,
            }
        }
        rest = rest.strip_prefix('}').expect("labels end");
    }
    let value = rest.strip_prefix(' ').expect("one space").parse();
    Sample {
        name: name.to_owned(),
        labels,
        value: value.unwrap_or_else(|_| panic!("no number in {line}")),
    }
}

/// The value up to its closing quote, and what follows.
fn unescape(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (value, &text[at + 1..]),
            '\\' => match letters.next().map(|(_, escaped)| escaped) {
                Some('n') => value.push('\n'),
                Some(escaped @ ('"' | '\\')) => value.push(escaped),
                other => panic!("\\{other:?} is no escape"),
            },
            plain => value.push(plain),
        }
    }
    panic!("the value of a label does not end: {text}");
}
