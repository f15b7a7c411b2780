//! Whether the machine was suspended.
//!
//! In: the clock that goes on in a suspend, and the one that does not. Out: whether one came since
//! the last look. What always holds: pure; setting the wall clock is no suspend.

use std::time::Duration;

/// The clocks are read one after the other: what is less is the time in between.
const LEAST: Duration = Duration::from_secs(1);

/// How far one clock is ahead of the other.
#[derive(Debug)]
pub(crate) struct Suspend {
    ahead: Duration,
}

impl Suspend {
    /// As of now: the time since boot, and the time in which this process could have run.
    pub(crate) fn new(since_boot: Duration, running: Duration) -> Suspend {
        Suspend { ahead: since_boot.saturating_sub(running) }
    }

    /// Whether the machine was suspended since the last look.
    pub(crate) fn came(&mut self, since_boot: Duration, running: Duration) -> bool {
        let now = Suspend::new(since_boot, running);
        let more = now.ahead.saturating_sub(self.ahead);
        *self = now;
        more >= LEAST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suspend_is_told_once_and_a_delay_between_the_clocks_is_none() {
        let ms = Duration::from_millis;
        let mut suspend = Suspend::new(ms(90_000), ms(10));
        let looks = [
            // (since boot, running, whether there was one)
            (90_500, 510, false),
            (91_400, 1_000, false),
            (91_500, 1_500, false),
            (3_691_600, 1_600, true),
            (3_692_000, 2_000, false),
        ];
        for (since_boot, running, came) in looks {
            assert_eq!(suspend.came(ms(since_boot), ms(running)), came, "{since_boot} {running}");
        }
    }
}
