//! systemd's calendar expressions: `Mon..Fri *-*-* 10:00`.
//!
//! In: one expression of systemd.time(7) (weekdays, date, time, time zone, or a word such as
//! `weekly`), and a moment. Out: the first moment after it that the expression names. Always: pure;
//! what cannot be read is refused whole (fractions of a second among it); a time that a clock change
//! skips is left out, one that it repeats comes once, the first time, as in systemd.

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, civil};
use std::ops::RangeInclusive;

const YEARS: RangeInclusive<i16> = 1970..=2199;
const MONTHS: RangeInclusive<i16> = 1..=12;
const DAYS: RangeInclusive<i16> = 1..=31;
/// Days counted from a month's end: as many as every month has.
const DAYS_FROM_END: RangeInclusive<i16> = 1..=28;
const HOURS: RangeInclusive<i16> = 0..=23;
/// Minutes and seconds.
const SIXTY: RangeInclusive<i16> = 0..=59;

/// Each word, and what it stands for.
const WORDS: [(&str, &str); 9] = [
    ("minutely", "*-*-* *:*"),
    ("hourly", "*-*-* *:0"),
    ("daily", "*-*-* 0:0"),
    ("weekly", "Mon *-*-* 0:0"),
    ("monthly", "*-*-1 0:0"),
    ("quarterly", "*-1,4,7,10-1 0:0"),
    ("semiannually", "*-1,7-1 0:0"),
    ("annually", "*-1-1 0:0"),
    ("yearly", "*-1-1 0:0"),
];
const WEEKDAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// The moments that an expression names.
#[derive(Clone, Debug)]
pub struct Calendar {
    /// Monday first.
    weekdays: [bool; 7],
    date: Days,
    hours: Vec<i16>,
    minutes: Vec<i16>,
    seconds: Vec<i16>,
    /// Its own time zone, if it names one.
    zone: Option<TimeZone>,
}

#[derive(Clone, Debug)]
struct Days {
    years: Vec<i16>,
    months: Vec<i16>,
    numbers: Vec<i16>,
    /// They are counted from the month's end.
    from_end: bool,
}

impl Calendar {
    /// Reads an expression; `None` if it is none.
    ///
    /// ```
    /// use procession_monitor::registry::calendar::Calendar;
    ///
    /// assert!(Calendar::read("Sat *-*~07/1 18:00 Europe/Berlin").is_some());
    /// assert!(Calendar::read("every other day").is_none());
    /// ```
    pub fn read(expression: &str) -> Option<Calendar> {
        let mut words: Vec<&str> = expression.split_whitespace().collect();
        let zone = if words.len() > 1 { words.last().and_then(|word| zone(word)) } else { None };
        if zone.is_some() {
            words.pop();
        }
        if let [word] = words[..] {
            let meant = WORDS.iter().find(|(name, _)| word.eq_ignore_ascii_case(name));
            if let Some((_, long)) = meant {
                words = long.split_whitespace().collect();
            }
        }
        if words.is_empty() {
            return None;
        }
        let mut words = words.into_iter().peekable();
        let alphabetic = |word: &&str| word.starts_with(|c: char| c.is_ascii_alphabetic());
        let weekdays = words.next_if(alphabetic).map_or(Some([true; 7]), weekdays)?;
        let date = words.next_if(|word| word.contains(['-', '~'])).unwrap_or("*-*-*");
        let time = words.next().unwrap_or("0:0");
        if words.next().is_some() {
            return None;
        }
        let (hours, rest) = time.split_once(':')?;
        let (minutes, seconds) = rest.split_once(':').unwrap_or((rest, "0"));
        Some(Calendar {
            weekdays,
            date: Days::read(date)?,
            hours: field(hours, &HOURS, false)?,
            minutes: field(minutes, &SIXTY, false)?,
            seconds: field(seconds, &SIXTY, false)?,
            zone,
        })
    }

    /// The first moment after `at`, in `zone` if the expression names none.
    pub fn after(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let zone = self.zone.as_ref().unwrap_or(zone);
        let from = zone.to_datetime(at);
        let days = self.date.since(from.date()).filter(|day| self.is_weekday(*day));
        days.flat_map(|day| self.times(day, from))
            .filter_map(|time| {
                let moment = zone.to_ambiguous_timestamp(time);
                let skipped = matches!(moment.offset(), AmbiguousOffset::Gap { .. });
                if skipped { None } else { moment.compatible().ok() }
            })
            .find(|found| *found > at)
    }

    fn is_weekday(&self, day: Date) -> bool {
        let number = usize::try_from(day.weekday().to_monday_zero_offset()).unwrap_or(0);
        self.weekdays[number]
    }

    /// The times of a day from `from` on.
    fn times(&self, day: Date, from: DateTime) -> impl Iterator<Item = DateTime> + '_ {
        let earliest = if day > from.date() { civil::Time::midnight() } else { from.time() };
        let hours = self.hours.iter().filter(move |hour| **hour >= i16::from(earliest.hour()));
        let times = hours.flat_map(move |hour| {
            self.minutes.iter().flat_map(move |minute| {
                self.seconds.iter().map(move |second| (*hour, *minute, *second))
            })
        });
        times.filter_map(move |(hour, minute, second)| {
            let small = |number: i16| i8::try_from(number).unwrap_or(0);
            let time = civil::Time::new(small(hour), small(minute), small(second), 0).ok()?;
            (time >= earliest).then(|| day.to_datetime(time))
        })
    }
}

impl Days {
    /// `year-month-day`, `month-day`, or with `~` for a day counted from the month's end.
    fn read(text: &str) -> Option<Days> {
        let from_end = text.contains('~') && !text.ends_with("~*");
        let (month, day) = text.rsplit_once(if text.contains('~') { '~' } else { '-' })?;
        let (year, month) = month.split_once('-').unwrap_or(("*", month));
        let days = if from_end { &DAYS_FROM_END } else { &DAYS };
        Some(Days {
            years: field(year, &YEARS, false)?,
            months: field(month, &MONTHS, false)?,
            numbers: field(day, days, from_end)?,
            from_end,
        })
    }

    /// The days from `first` on.
    fn since(&self, first: Date) -> impl Iterator<Item = Date> + '_ {
        let years = self.years.iter().filter(move |year| **year >= first.year());
        let months = years.flat_map(|year| self.months.iter().map(move |month| (*year, *month)));
        let begins =
            months.filter_map(|(year, month)| Date::new(year, i8::try_from(month).ok()?, 1).ok());
        begins
            .filter(move |begin| begin.last_of_month() >= first)
            .flat_map(|begin| (1..=begin.days_in_month()).map(move |day| (begin, day)))
            .filter(|(begin, day)| self.has(i16::from(*day), i16::from(begin.days_in_month())))
            .filter_map(|(begin, day)| begin.with().day(day).build().ok())
            .filter(move |day| *day >= first)
    }

    fn has(&self, day: i16, length: i16) -> bool {
        self.numbers.contains(&if self.from_end { length + 1 - day } else { day })
    }
}

fn zone(word: &str) -> Option<TimeZone> {
    if word.eq_ignore_ascii_case("utc") { Some(TimeZone::UTC) } else { zone_named(word) }
}

/// The time zone of this name, in the case that the zones' database has it in.
pub(super) fn zone_named(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok().filter(|zone| zone.iana_name() == Some(name))
}

/// `Mon,Wed..Fri`; a comma too many at the end is forgiven.
fn weekdays(text: &str) -> Option<[bool; 7]> {
    let number = |name: &str| {
        let name = name.to_ascii_lowercase();
        WEEKDAYS.iter().position(|day| *day == name || (name.len() == 3 && day.starts_with(&name)))
    };
    let mut found = [false; 7];
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let range = part.split_once("..").or_else(|| part.split_once('-'));
        let (first, last) = range.unwrap_or((part, part));
        let (first, last) = (number(first)?, number(last)?);
        if first > last {
            return None;
        }
        found[first..=last].fill(true);
    }
    Some(found)
}

/// `*`, or numbers, ranges `a..b` and steps `a/n` and `a..b/n` between commas, in order.
/// `backwards`: steps go down, from the range's end or to 1.
fn field(text: &str, range: &RangeInclusive<i16>, backwards: bool) -> Option<Vec<i16>> {
    if text == "*" {
        return Some(range.clone().collect());
    }
    let mut found = Vec::new();
    for part in text.split(',') {
        let (span, step) = match part.split_once('/') {
            Some((span, step)) => (span, Some(digits(step).filter(|step| *step > 0)?)),
            None => (part, None),
        };
        let value = |text| digits(text).map(|value| full_year(value, range));
        let value = |text| value(text).filter(|value| range.contains(value));
        let (first, last) = match span.split_once("..") {
            Some((first, last)) => (value(first)?, value(last)?),
            None if step.is_none() => (value(span)?, value(span)?),
            None if backwards => (*range.start(), value(span)?),
            None => (value(span)?, *range.end()),
        };
        if first > last {
            return None;
        }
        let step = usize::try_from(step.unwrap_or(1)).ok()?;
        if backwards {
            found.extend((first..=last).rev().step_by(step));
        } else {
            found.extend((first..=last).step_by(step));
        }
    }
    found.sort_unstable();
    found.dedup();
    Some(found)
}

fn digits(text: &str) -> Option<i16> {
    let all = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if all { text.parse().ok() } else { None }
}

/// A year of two digits is of the 70 years before or the 70 after the turn of the century.
fn full_year(value: i16, range: &RangeInclusive<i16>) -> i16 {
    match value {
        0..70 if *range == YEARS => value + 2000,
        70..100 if *range == YEARS => value + 1900,
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_expression_is_refused() {
        let wrong = [
            "",
            " ",
            "*",
            "12",
            "Mon Tue",
            "UTC",
            "12:00 Moon/Base",
            "2026-12-1 Mon",
            "1:2:3:4",
            "1:",
            ":1",
            "24:00",
            "0:60",
            "12:00:30.5",
            "*:*/2",
            "*-*-*/2",
            "0/0:0",
            "5..2:0",
            "1..2..3:0",
            "Sat..Tue",
            "Tues",
            "Mon.. Fri",
            ",Mon",
            "*-13-1",
            "*-*-32",
            "*-*~29",
            "1969-1-1",
            "2200-1-1",
            "*-*-1-1",
            "*:0,30,",
            "+5:00",
            "99999:0",
            "\u{661}:0",
            "every other day",
            "*-*-*T10:00",
            "10:00Z",
            "* * * * *",
        ];
        for expression in wrong {
            assert!(Calendar::read(expression).is_none(), "{expression:?}");
        }
    }

    #[test]
    fn a_time_that_is_skipped_is_left_out_and_one_that_is_repeated_comes_once() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let after = |expression: &str, at: &str| {
            let at = at.parse().unwrap();
            let next = Calendar::read(expression).unwrap().after(at, &berlin);
            next.unwrap().to_string()
        };
        // (expression, after, next)
        let cases = [
            ("2:30", "2026-03-28T12:00:00Z", "2026-03-30T00:30:00Z"),
            ("*:0/15", "2026-03-29T00:45:00Z", "2026-03-29T01:00:00Z"),
            ("2:30", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"),
            ("2:30", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"),
            ("*:0/15", "2026-10-25T00:45:00Z", "2026-10-25T02:00:00Z"),
            ("*:0/15", "2026-10-25T01:20:00Z", "2026-10-25T02:00:00Z"),
        ];
        for (expression, at, next) in cases {
            assert_eq!(after(expression, at), next, "{expression} after {at}");
        }
    }
}
