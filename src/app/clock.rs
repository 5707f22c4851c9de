//! The clock on the wall: read, and as text.

use std::time::{Instant, SystemTime};

use crate::balance::Moment;
use crate::base::unix::{self, since_1970};

/// The time in milliseconds since 1970.
pub fn unix_ms() -> u64 {
    unix::unix_ms(SystemTime::now())
}

/// Now, by both clocks.
pub fn moment() -> Moment {
    Moment {
        now: Instant::now(),
        unix_ms: unix_ms(),
    }
}

/// RFC 3339 in UTC with milliseconds: `2026-01-01T12:00:00.000Z`.
pub fn rfc3339(at: SystemTime) -> String {
    let since = since_1970(at);
    let (seconds, millis) = (since.as_secs(), since.subsec_millis());
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// Year, month and day of a number of days since 1970, in the Gregorian calendar.
fn civil(days: u64) -> (u64, u64, u64) {
    // Counted from 1 March of year 0, so that a leap day is the last of its year; 400 years are 146,097 days.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn leap_days_and_turns_of_the_year_are_where_they_belong() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_735_689_599, "2024-12-31T23:59:59.000Z"),
            (1_735_689_600, "2025-01-01T00:00:00.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
        let at = UNIX_EPOCH + Duration::from_millis(1_767_268_800_042);
        assert_eq!(rfc3339(at), "2026-01-01T12:00:00.042Z");
    }
}
