//! When a check with a schedule is due next.
//!
//! In: a cron expression of five fields, a time zone, a moment. Out: the slot that a ping at that
//! moment leaves to wait for. Always: pure; the zone's database decides what a clock change does
//! (a slot in the hour that is skipped comes right after it, one in the hour that is repeated comes
//! once); a ping a little early counts for the slot ahead, but never for two slots.

use crate::judge::Ms;
use croner::Cron;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use std::str::FromStr;

/// The longest time before its slot at which a run counts for it: five minutes.
const EARLY: Ms = 300_000;

/// The slots of an expression in a time zone.
#[derive(Clone, Debug)]
pub struct Schedule {
    cron: Cron,
    zone: TimeZone,
}

impl Schedule {
    /// Reads both; says which field of the API is wrong, and how.
    pub fn read(expression: &str, zone: &str) -> Result<Schedule, (&'static str, &'static str)> {
        let zone = TimeZone::get(zone).map_err(|_| ("tz", "is not a valid timezone"))?;
        if expression.contains('\n') || expression.split_whitespace().count() != 5 {
            return Err(("schedule", "is not a cron expression of five fields"));
        }
        let wrong = ("schedule", "is not a valid cron or OnCalendar expression");
        let schedule = Schedule { cron: Cron::from_str(expression).map_err(|_| wrong)?, zone };
        // The 31st of February parses, and never comes.
        schedule.after(0).ok_or(wrong)?;
        Ok(schedule)
    }

    /// The slot to wait for after a ping at `at`; `waiting`: the slot before it is still owed. A
    /// run at most a twentieth of the interval, the grace and five minutes early counts for the
    /// slot ahead. Unix milliseconds.
    pub fn next(&self, at: Ms, waiting: bool, grace: Ms) -> Option<Ms> {
        let first = self.after(at)?;
        let Some(second) = self.after(first) else { return Some(first) };
        let early = EARLY.min(grace).min((second - first) / 20);
        Some(if !waiting && first - at <= early { second } else { first })
    }

    /// The first slot after `at`.
    fn after(&self, at: Ms) -> Option<Ms> {
        let at = Timestamp::from_millisecond(i64::try_from(at).ok()?).ok()?;
        let at: Zoned = at.to_zoned(self.zone.clone());
        let next = self.cron.find_next_occurrence(&at, false).ok()?;
        Ms::try_from(next.timestamp().as_millisecond()).ok()
    }
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
                at = schedule.next(at, true, 0).unwrap();
                assert_eq!(at, ms(&slot.replace('Z', ":00Z")), "after {after}");
            }
        }
    }

    #[test]
    fn a_run_a_little_early_counts_for_the_slot_ahead_but_not_for_two() {
        let hourly = Schedule::read("0 * * * *", "UTC").unwrap();
        let next = |at: &str, waiting| hourly.next(ms(at), waiting, 600_000).unwrap();
        assert_eq!(next("2026-01-01T00:58:00Z", false), ms("2026-01-01T02:00:00Z"));
        assert_eq!(next("2026-01-01T00:56:00Z", false), ms("2026-01-01T01:00:00Z"));
        assert_eq!(next("2026-01-01T00:58:00Z", true), ms("2026-01-01T01:00:00Z"));
    }

    #[test]
    fn what_never_comes_or_cannot_be_read_is_refused_by_its_field() {
        let field = |expression, zone| Schedule::read(expression, zone).unwrap_err().0;
        for expression in ["0 0 31 2 *", "x * * * *", "61 * * * *", "Mon *-*-* 12:00", ""] {
            assert_eq!(field(expression, "UTC"), "schedule", "{expression}");
        }
        assert_eq!(field("* * * * *", "Moon/Base"), "tz");
    }
}
