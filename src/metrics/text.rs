//! The text format of Prometheus, version 0.0.4, written straight from plain numbers.

use std::fmt::Write;

use super::names::{Family, Kind};
use crate::base::histogram::Histogram;

/// Writes families one after the other into one text.
#[derive(Default)]
pub struct Encoder {
    text: String,
    /// The families so far: each may stand in the text once.
    begun: Vec<&'static str>,
}

/// The samples of one family.
pub struct Samples<'e> {
    text: &'e mut String,
    family: Family,
}

impl Encoder {
    /// An empty text with room for `bytes`.
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            text: String::with_capacity(bytes),
            begun: Vec::new(),
        }
    }

    /// Begins a family. All its samples follow before the next one begins.
    pub fn family(&mut self, family: Family) -> Samples<'_> {
        debug_assert!(
            !self.begun.contains(&family.name),
            "{} begins twice",
            family.name
        );
        self.begun.push(family.name);
        let (name, kind) = (family.name, family.kind.as_str());
        put(
            &mut self.text,
            format_args!("# HELP {name} {}\n# TYPE {name} {kind}\n", family.help),
        );
        Samples {
            text: &mut self.text,
            family,
        }
    }

    /// Begins a family of one sample without labels, and ends it.
    pub fn single(&mut self, family: Family, value: f64) {
        self.family(family).float(&[], value);
    }

    /// Adds text that is in the format already, of families that are not begun here.
    pub fn append(&mut self, rendered: &str) {
        self.text.push_str(rendered);
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    /// The whole text.
    pub fn finish(self) -> String {
        self.text
    }
}

impl Samples<'_> {
    /// One sample of a whole number.
    pub fn whole(&mut self, labels: &[&str], value: u64) {
        debug_assert_ne!(self.family.kind, Kind::Histogram);
        self.series("", labels, None);
        self.end(value);
    }

    /// One sample of any number.
    pub fn float(&mut self, labels: &[&str], value: f64) {
        debug_assert_ne!(self.family.kind, Kind::Histogram);
        self.series("", labels, None);
        put(self.text, format_args!(" {}\n", Number(value)));
    }

    /// 1 or 0.
    pub fn truth(&mut self, labels: &[&str], value: bool) {
        self.whole(labels, u64::from(value));
    }

    /// All samples of one histogram.
    pub fn histogram(&mut self, labels: &[&str], histogram: &Histogram) {
        debug_assert_eq!(self.family.kind, Kind::Histogram);
        for (bound, count) in histogram.cumulative() {
            self.series("_bucket", labels, Some(bound));
            self.end(count);
        }
        self.series("_bucket", labels, Some(f64::INFINITY));
        self.end(histogram.count());
        self.series("_sum", labels, None);
        put(self.text, format_args!(" {}\n", Number(histogram.sum())));
        self.series("_count", labels, None);
        self.end(histogram.count());
    }

    /// Ends a line with a whole number. Most numbers of a scrape are one digit, of which there are tens of thousands.
    fn end(&mut self, value: u64) {
        self.text.push(' ');
        match u8::try_from(value) {
            Ok(digit @ 0..=9) => self.text.push(char::from(b'0' + digit)),
            _ => put(self.text, format_args!("{value}")),
        }
        self.text.push('\n');
    }

    fn series(&mut self, suffix: &str, values: &[&str], bound: Option<f64>) {
        debug_assert_eq!(self.family.labels.len(), values.len());
        self.text.push_str(self.family.name);
        self.text.push_str(suffix);
        let mut open = '{';
        for (label, value) in self.family.labels.iter().zip(values) {
            self.text.push(open);
            open = ',';
            self.text.push_str(label);
            self.text.push_str("=\"");
            escape(value, self.text);
            self.text.push('"');
        }
        if let Some(bound) = bound {
            put(self.text, format_args!("{open}le=\"{}\"", Number(bound)));
            open = ',';
        }
        if open == ',' {
            self.text.push('}');
        }
    }
}

fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what)
        .expect("writing into a String cannot fail");
}

fn escape(value: &str, text: &mut String) {
    let special = |byte| matches!(byte, b'\\' | b'"' | b'\n');
    if !value.bytes().any(special) {
        text.push_str(value);
        return;
    }
    for letter in value.chars() {
        match letter {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            plain => text.push(plain),
        }
    }
}

/// A number as the format writes it.
struct Number(f64);

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0 == f64::INFINITY {
            f.write_str("+Inf")
        } else if self.0 == f64::NEG_INFINITY {
            f.write_str("-Inf")
        } else {
            self.0.fmt(f)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::names;
    use super::*;

    #[test]
    fn a_family_says_its_help_and_type_once_and_escapes_label_values() {
        let mut encoder = Encoder::default();
        let mut samples = encoder.family(names::PEER_UP);
        samples.truth(&["a \"b\" \\ \n c"], true);
        samples.truth(&["d"], false);
        assert_eq!(
            encoder.finish(),
            "# HELP tandem_peer_up 1 while the peer is alive, or nothing is known to the contrary.\n\
             # TYPE tandem_peer_up gauge\n\
             tandem_peer_up{peer=\"a \\\"b\\\" \\\\ \\n c\"} 1\n\
             tandem_peer_up{peer=\"d\"} 0\n"
        );
    }

    #[test]
    fn whole_numbers_are_written_in_full() {
        let mut encoder = Encoder::default();
        let mut samples = encoder.family(names::SLOTS_GRANTED);
        for value in [0, 9, 10, u64::MAX] {
            samples.whole(&["a"], value);
        }
        let text = encoder.finish();
        let values: Vec<&str> = text
            .lines()
            .skip(2)
            .filter_map(|l| l.split(' ').nth(1))
            .collect();
        assert_eq!(values, ["0", "9", "10", "18446744073709551615"]);
    }

    #[test]
    fn a_histogram_is_cumulative_and_ends_with_infinity() {
        let mut histogram = Histogram::new(&[0.1, 1.0]);
        for seconds in [0.0625, 0.5, 0.5, 8.0] {
            histogram.record(seconds);
        }
        let mut encoder = Encoder::default();
        encoder
            .family(names::ADDED_DELAY)
            .histogram(&[], &histogram);
        let text = encoder.finish();
        let samples: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(
            samples,
            [
                "tandem_added_delay_seconds_bucket{le=\"0.1\"} 1",
                "tandem_added_delay_seconds_bucket{le=\"1\"} 3",
                "tandem_added_delay_seconds_bucket{le=\"+Inf\"} 4",
                "tandem_added_delay_seconds_sum 9.0625",
                "tandem_added_delay_seconds_count 4",
            ]
        );
    }

    #[test]
    fn small_bounds_are_written_without_an_exponent() {
        assert_eq!(Number(0.000_01).to_string(), "0.00001");
        assert_eq!(Number(f64::NEG_INFINITY).to_string(), "-Inf");
    }
}
