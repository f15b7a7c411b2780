//! When a check with a schedule is due next.
//!
//! In: a schedule (a cron expression of five fields, or systemd's calendar expressions, one a
//! line), a time zone, a moment. Out: the slot that a ping at that moment leaves to wait for.
//! Always: pure; a single line of five words is cron; the zone's database decides what a clock
//! change does (a slot of cron in the hour that is skipped comes right after it, one in the hour
//! that is repeated comes once); a ping a little early counts for the slot ahead, but never for two.

use super::calendar::{Calendar, zone_named};
use crate::judge::Ms;
use croner::Cron;
use croner::parser::CronParser;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// The longest time before its slot at which a run counts for it: five minutes.
const EARLY: Ms = 300_000;
/// The highest value of each field of a cron expression.
const LAST: [u8; 5] = [59, 23, 31, 12, 7];
/// The first of January 2000: a schedule must have a slot after it, as healthchecks wants it.
const MILLENNIUM: Ms = 946_684_800_000;

/// A wait without an end, for a schedule whose last slot is over: a century.
pub const NEVER: Ms = 100 * 365 * 24 * 3_600_000;

/// The slots of a schedule in a time zone.
#[derive(Clone, Debug)]
pub struct Schedule {
    rule: Rule,
    zone: TimeZone,
}

#[derive(Clone, Debug)]
enum Rule {
    Cron(Box<Cron>),
    Calendar(Vec<Calendar>),
}

impl Schedule {
    /// Reads both; says which field of the API is wrong, and how.
    pub fn read(expression: &str, zone: &str) -> Result<Schedule, (&'static str, &'static str)> {
        let zone = zone_named(zone).ok_or(("tz", "is not a valid timezone"))?;
        let wrong = ("schedule", "is not a valid cron or OnCalendar expression");
        let schedule = Schedule { rule: Rule::read(expression.trim()).ok_or(wrong)?, zone };
        // The 31st of February parses, and never comes.
        schedule.after(MILLENNIUM).ok_or(wrong)?;
        Ok(schedule)
    }

    /// How long to wait after a ping at `at` for the next slot; `waiting`: the slot before it is
    /// still owed. A run at most a twentieth of the interval, the grace and five minutes early
    /// counts for the slot ahead. [`NEVER`] if there is none. Unix milliseconds.
    pub fn wait(&self, at: Ms, waiting: bool, grace: Ms) -> Ms {
        let Some(first) = self.after(at) else { return NEVER };
        let Some(second) = self.after(first) else { return first - at };
        let early = EARLY.min(grace).min((second - first) / 20);
        (if !waiting && first - at <= early { second } else { first }) - at
    }

    /// The first slot after `at`, Unix milliseconds.
    pub fn after(&self, at: Ms) -> Option<Ms> {
        let at = Timestamp::from_millisecond(i64::try_from(at).ok()?).ok()?;
        let next = match &self.rule {
            Rule::Cron(cron) => {
                let at: Zoned = at.to_zoned(self.zone.clone());
                cron.find_next_occurrence(&at, false).ok()?.timestamp()
            }
            Rule::Calendar(lines) => {
                lines.iter().filter_map(|line| line.after(at, &self.zone)).min()?
            }
        };
        Ms::try_from(next.as_millisecond()).ok()
    }
}

impl Rule {
    fn read(expression: &str) -> Option<Rule> {
        if !expression.contains('\n') && expression.split_whitespace().count() == 5 {
            return cron(expression).map(|cron| Rule::Cron(Box::new(cron)));
        }
        let lines: Option<Vec<Calendar>> = expression.lines().map(Calendar::read).collect();
        lines.filter(|lines| !lines.is_empty()).map(Rule::Calendar)
    }
}

/// Days of the month and of the week that both are given mean either, unless one begins with a
/// star, as in Debian's cron.
fn cron(expression: &str) -> Option<Cron> {
    if expression.split_whitespace().any(|field| field.split(',').any(str::is_empty)) {
        return None;
    }
    let both = expression.split_whitespace().skip(2).step_by(2).any(|day| day.starts_with('*'));
    CronParser::builder().dom_and_dow(both).build().parse(&closed(expression)).ok()
}

/// A cron expression in which a step from a single number (`5/10`) says where it ends (`5-59/10`).
fn closed(expression: &str) -> String {
    let part = |part: &str, last: u8| match part.split_once('/') {
        Some((first, step)) if first.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{first}-{last}/{step}")
        }
        _ => part.to_owned(),
    };
    let field = |(field, last): (&str, u8)| -> String {
        field.split(',').map(|text| part(text, last)).collect::<Vec<_>>().join(",")
    };
    expression.split_whitespace().zip(LAST).map(field).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(time: &str) -> Ms {
        Ms::try_from(time.parse::<Timestamp>().unwrap().as_millisecond()).unwrap()
    }

    #[test]
    fn a_clock_change_moves_a_slot_and_neither_loses_nor_doubles_it() {
        let nightly = Schedule::read("30 2 * * *", "Europe/Berlin").unwrap();
        let quarterly = Schedule::read("*/15 * * * *", "Europe/Berlin").unwrap();
        // (schedule, after, the next slots)
        let cases = [
            (&nightly, "2026-03-28T02:00Z", ["2026-03-29T01:00Z", "2026-03-30T00:30Z"]),
            (&nightly, "2026-10-24T12:00Z", ["2026-10-25T00:30Z", "2026-10-26T01:30Z"]),
            (&quarterly, "2026-10-25T00:40Z", ["2026-10-25T00:45Z", "2026-10-25T01:00Z"]),
        ];
        for (schedule, after, slots) in cases {
            let mut at = ms(&after.replace('Z', ":00Z"));
            for slot in slots {
                at += schedule.wait(at, true, 0);
                assert_eq!(at, ms(&slot.replace('Z', ":00Z")), "after {after}");
            }
        }
    }

    #[test]
    fn a_run_a_little_early_counts_for_the_slot_ahead_but_not_for_two() {
        for hourly in ["0 * * * *", "hourly"] {
            let hourly = Schedule::read(hourly, "UTC").unwrap();
            let next = |at: &str, waiting| ms(at) + hourly.wait(ms(at), waiting, 600_000);
            assert_eq!(next("2026-01-01T00:58:00Z", false), ms("2026-01-01T02:00:00Z"));
            assert_eq!(next("2026-01-01T00:56:00Z", false), ms("2026-01-01T01:00:00Z"));
            assert_eq!(next("2026-01-01T00:58:00Z", true), ms("2026-01-01T01:00:00Z"));
        }
    }

    #[test]
    fn the_earliest_of_several_lines_comes_first_each_in_its_own_zone() {
        let both = Schedule::read("12:00\n12:00 Asia/Tokyo", "UTC").unwrap();
        let tokyo = ms("2026-01-01T03:00:00Z");
        assert_eq!(both.after(ms("2026-01-01T00:00:00Z")), Some(tokyo));
        assert_eq!(both.after(tokyo), Some(ms("2026-01-01T12:00:00Z")));
    }

    #[test]
    fn a_schedule_whose_last_slot_is_over_waits_without_an_end() {
        let past = Schedule::read("2001-1-1", "UTC").unwrap();
        assert_eq!(past.wait(ms("2026-01-01T00:00:00Z"), false, 0), NEVER);
    }

    #[test]
    fn what_never_comes_or_cannot_be_read_is_refused_by_its_field() {
        let field = |expression, zone| Schedule::read(expression, zone).unwrap_err().0;
        for expression in
            ["0 0 31 2 *", "x * * * *", "61 * * * *", "*-2-30", "12:00\n\n13:00", "", "1999-1-1"]
        {
            assert_eq!(field(expression, "UTC"), "schedule", "{expression}");
        }
        for zone in ["Moon/Base", "europe/berlin", "EUROPE/BERLIN", "utc", "", " UTC"] {
            assert_eq!(field("* * * * *", zone), "tz", "{zone}");
        }
        assert_eq!(field("12:00 asia/tokyo", "UTC"), "schedule");
    }

    #[test]
    fn every_zone_of_the_database_is_known_by_its_name() {
        let mut names = 0;
        for name in jiff::tz::db().available() {
            assert!(zone_named(name.as_str()).is_some(), "{name}");
            names += 1;
        }
        assert!(names > 400 && zone_named("UTC").is_some(), "{names}");
    }
}
