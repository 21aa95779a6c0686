//! The time of day.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since the epoch.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The time of day at a moment that is yet to come, in milliseconds since the epoch.
pub(crate) fn at_ms(moment: Instant) -> u64 {
    let left = moment.saturating_duration_since(Instant::now());
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from((since + left).as_millis()).unwrap_or(u64::MAX)
}

/// `2026-01-02T03:04:05.678Z`, the form of AWS's log lines.
pub(crate) fn iso(ms: u64) -> String {
    let (days, in_day) = (ms / 86_400_000, ms % 86_400_000);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (in_day / 3_600_000, in_day / 60_000 % 60, in_day / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", in_day % 1000)
}

/// Year, month and day of a day since the epoch. [Hinnant: days_from_civil, the other way round]
fn civil(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let (era, of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_to_come_is_at_the_same_time_whenever_it_is_told() {
        let moment = Instant::now() + std::time::Duration::from_secs(60);
        let told = at_ms(moment);
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!(at_ms(moment).abs_diff(told) <= 1);
        assert!(told.abs_diff(now_ms() + 60_000) <= 1000);
    }

    #[test]
    fn dates_are_gregorian() {
        assert_eq!(iso(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(iso(951_826_154_007), "2000-02-29T12:09:14.007Z");
        assert_eq!(iso(1_763_974_800_999), "2025-11-24T09:00:00.999Z");
    }
}
