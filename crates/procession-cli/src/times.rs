//! Times for people: spans, and moments in the reader's time zone.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];

/// A span of milliseconds, in whole seconds: `1d 4h 49m 13s`.
pub(crate) fn span(ms: u64) -> String {
    words(ms.div_ceil(1_000), UNITS.len())
}

/// The same in its two largest units: `1d 4h`.
pub(crate) fn about(ms: u64) -> String {
    words(ms.div_ceil(1_000), 2)
}

fn words(seconds: u64, most: usize) -> String {
    let mut rest = seconds;
    let mut words = Vec::new();
    for (size, unit) in UNITS {
        let count = rest / size;
        rest %= size;
        if count > 0 {
            words.push(format!("{count}{unit}"));
        } else if !words.is_empty() && most < UNITS.len() {
            // `1d 3s` would tell more than is meant.
            words.push(String::new());
        }
    }
    words.truncate(most);
    words.retain(|word| !word.is_empty());
    if words.is_empty() { "0s".into() } else { words.join(" ") }
}

/// How long before or after `now` a moment is, as the monitor writes moments; `-` for none.
pub(crate) fn ago(at: Option<&str>, now: Timestamp) -> String {
    let Some(at) = at.and_then(|text| text.parse::<Timestamp>().ok()) else { return "-".into() };
    let passed: SignedDuration = now.duration_since(at);
    let seconds = passed.as_secs().unsigned_abs();
    match passed.as_secs() {
        0 => "now".into(),
        1.. => format!("{} ago", words(seconds, 2)),
        _ => format!("in {}", words(seconds, 2)),
    }
}

/// A moment on the clocks of the reader's time zone.
pub(crate) fn local(at: &str) -> String {
    in_zone(at, TimeZone::system())
}

fn in_zone(at: &str, zone: TimeZone) -> String {
    match at.parse::<Timestamp>() {
        Ok(moment) => moment.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S %Z").to_string(),
        Err(_) => crate::text::plain(at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_days_hours_minutes_and_seconds_or_the_two_largest_of_them() {
        for (ms, exact, short) in [
            (0, "0s", "0s"),
            (1, "1s", "1s"),
            (363_000, "6m 3s", "6m 3s"),
            (103_753_000, "1d 4h 49m 13s", "1d 4h"),
            (86_403_000, "1d 3s", "1d"),
        ] {
            assert_eq!((span(ms).as_str(), about(ms).as_str()), (exact, short), "{ms}");
        }
    }

    #[test]
    fn a_moment_is_told_from_now_and_in_the_readers_zone() {
        let now: Timestamp = "2026-11-25T13:05:19Z".parse().expect("a moment");
        for (at, words) in [
            (Some("2026-11-25T13:05:19+00:00"), "now"),
            (Some("2026-11-25T13:05:07+00:00"), "12s ago"),
            (Some("2026-11-24T11:05:19.25+00:00"), "1d 1h ago"),
            (Some("2026-11-25T13:06:19+00:00"), "in 1m"),
            (Some("soon"), "-"),
            (None, "-"),
        ] {
            assert_eq!(ago(at, now), words, "{at:?}");
        }
        let berlin = TimeZone::get("Europe/Berlin").expect("a zone");
        let told = in_zone("2026-11-25T13:05:19+00:00", berlin);
        assert_eq!(told, "2026-11-25 14:05:19 CET");
    }
}
