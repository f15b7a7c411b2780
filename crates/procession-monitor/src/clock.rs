//! The monitor's clock.
//!
//! In: the kernel's clock that runs on through suspension and that nobody can set, and what the
//! database remembers of it. Out: [`Time`]. Always: it never runs backwards; after a restart it
//! goes on where it was, plus the time away, as far as that is known. The wall clock is asked only
//! to show a time to a person, and to guess the time away over a reboot.

use crate::judge::{Ms, Time};
use jiff::Timestamp;
use jiff::tz::Offset;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};

/// What is needed to go on after a restart; written every second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The monitor's time.
    pub alive: Time,
    /// Milliseconds since boot.
    pub since_boot: Ms,
    /// Which boot.
    pub boot: String,
    /// Unix milliseconds.
    pub wall: Ms,
}

/// A running clock.
#[derive(Clone, Debug)]
pub struct Clock {
    started: Time,
    started_since_boot: Ms,
    boot: String,
}

impl Clock {
    /// A clock that goes on after `mark`; without one it starts at zero.
    pub fn after(mark: Option<&Mark>) -> Clock {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .map_or_else(|_| String::new(), |id| id.trim().to_owned());
        let since_boot = since_boot();
        let started = mark.map_or(Time(0), |mark| {
            let away = if !boot.is_empty() && mark.boot == boot {
                since_boot.saturating_sub(mark.since_boot)
            } else {
                wall().saturating_sub(mark.wall)
            };
            mark.alive + away
        });
        Clock { started, started_since_boot: since_boot, boot }
    }

    /// Now.
    pub fn now(&self) -> Time {
        self.started + since_boot().saturating_sub(self.started_since_boot)
    }

    /// What to remember now.
    pub fn mark(&self) -> Mark {
        let since_boot = since_boot();
        let alive = self.started + since_boot.saturating_sub(self.started_since_boot);
        Mark { alive, since_boot, boot: self.boot.clone(), wall: wall() }
    }

    /// A moment as Unix milliseconds, by the wall clock as it stands.
    pub fn wall(&self, at: Time) -> Ms {
        let (now, wall) = (self.now(), wall());
        if at > now { wall + (at - now) } else { wall.saturating_sub(now - at) }
    }
}

/// Unix milliseconds.
pub fn wall() -> Ms {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Ms::try_from(since.as_millis()).unwrap_or(Ms::MAX)
}

fn since_boot() -> Ms {
    let time = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds * 1_000 + u64::try_from(time.tv_nsec).unwrap_or(0) / 1_000_000
}

/// Unix milliseconds in UTC, as the management API writes them.
pub fn iso(at: Ms) -> String {
    let seconds = i64::try_from(at / 1_000).unwrap_or(i64::MAX);
    let timestamp = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    timestamp.display_with_offset(Offset::UTC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_away_is_counted_and_a_wall_clock_set_back_does_not_turn_it() {
        let mark = Clock::after(None).mark();
        let earlier = Mark {
            alive: Time(5_000),
            since_boot: mark.since_boot.saturating_sub(10_000),
            ..mark.clone()
        };
        let now = Clock::after(Some(&earlier)).now();
        assert!(now >= Time(5_000), "{now:?}");
        let other_boot = Mark { boot: "another".into(), wall: u64::MAX, ..earlier };
        assert!(Clock::after(Some(&other_boot)).now() - Time(5_000) < 60_000);
    }
}
