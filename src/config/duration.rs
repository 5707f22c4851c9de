//! Durations as people write them: `500ms`, `2s`, `1m30s`, `4h`.

use std::time::Duration;

const UNITS_MS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Reads whole numbers with units, each at most once and the larger first; `None` for anything else.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total_ms: u64 = 0;
    let mut finest = u64::MAX;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at(digits);
        let letters = after
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, next) = after.split_at(letters);
        let (_, unit_ms) = UNITS_MS.iter().find(|(name, _)| *name == unit)?;
        if *unit_ms >= finest {
            return None;
        }
        finest = *unit_ms;
        let part = number.parse::<u64>().ok()?.checked_mul(*unit_ms)?;
        total_ms = total_ms.checked_add(part)?;
        rest = next;
    }
    (finest != u64::MAX).then(|| Duration::from_millis(total_ms))
}

/// The shortest way to write it; the reverse of [`parse`] for whole milliseconds.
pub(super) fn show(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut shown = String::new();
    for (unit, unit_ms) in UNITS_MS {
        let count = rest / unit_ms;
        if count > 0 {
            shown.push_str(&format!("{count}{unit}"));
            rest %= unit_ms;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::{parse, show};
    use std::time::Duration;

    #[test]
    fn whole_numbers_with_units_add_up() {
        for (text, ms) in [
            ("500ms", 500),
            ("2s", 2_000),
            ("4h", 14_400_000),
            ("1m30s", 90_000),
            ("1d2h3m4s5ms", 93_784_005),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(ms)), "{text}");
        }
    }

    #[test]
    fn what_lacks_a_unit_or_repeats_one_is_no_duration() {
        for text in [
            "",
            "2",
            "s",
            "2 s",
            "-2s",
            "1.5s",
            "2S",
            "30s1m",
            "1s1s",
            "2sec",
            "99999999999999999d",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_shown_reads_back(ms in 0u64..40_000_000_000) {
            let duration = Duration::from_millis(ms);
            proptest::prop_assert_eq!(parse(&show(duration)), Some(duration));
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = parse(&text);
        }
    }
}
