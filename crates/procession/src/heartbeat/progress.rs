//! Whether main gets on, by its progress counter.
//!
//! In: the counter at each look, and how much time may count since the last. Out: how long it has
//! stood still, once that is too long. What always holds: only time in which this process watched
//! counts, so a suspended machine, a frozen cgroup or a long pause of ours never makes main stuck.

use std::time::Duration;

/// A watch over one counter.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    /// How long it may stand still; none where no progress was promised.
    limit: Option<Duration>,
    ticks: u64,
    still: Duration,
}

impl Progress {
    pub(super) fn new(limit: Option<Duration>, ticks: u64) -> Self {
        Self { limit, ticks, still: Duration::ZERO }
    }

    /// How long after a look the next is wanted: a quarter of the limit, so that a standstill is
    /// found at five quarters of it at the latest.
    pub(super) fn pause(&self) -> Option<Duration> {
        self.limit.map(|limit| limit / 4)
    }

    /// Looks at the counter, `passed` after the last look, which counts up to the pause that was
    /// meant.
    pub(super) fn look(&mut self, ticks: u64, passed: Duration) {
        if ticks != self.ticks {
            self.ticks = ticks;
            self.still = Duration::ZERO;
        } else if let Some(pause) = self.pause() {
            self.still += passed.min(pause);
        }
    }

    /// How long it has stood still, if that is too long.
    pub(super) fn stuck(&self) -> Option<Duration> {
        self.limit.filter(|&limit| self.still >= limit).map(|_| self.still)
    }

    pub(super) fn ticks(&self) -> u64 {
        self.ticks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    fn watch(looks: &[(u64, u64)]) -> Option<u64> {
        let mut progress = Progress::new(Some(LIMIT), 0);
        for &(ticks, seconds) in looks {
            progress.look(ticks, Duration::from_secs(seconds));
        }
        progress.stuck().map(|still| still.as_secs())
    }

    #[test]
    fn a_counter_that_stands_still_for_the_limit_is_stuck_and_one_that_moves_is_not() {
        assert_eq!(watch(&[(0, 15), (0, 15), (0, 15)]), None);
        assert_eq!(watch(&[(0, 15), (0, 15), (0, 15), (0, 15)]), Some(60));
        assert_eq!(watch(&[(0, 15), (0, 15), (0, 15), (1, 15), (1, 15)]), None);
        assert_eq!(watch(&[(0, 15), (0, 15), (0, 15), (0, 15), (0, 15), (1, 15)]), None);
    }

    #[test]
    fn time_in_which_nobody_watched_does_not_count() {
        assert_eq!(watch(&[(0, 15), (0, 8 * 3600), (0, 15)]), None);
        assert_eq!(watch(&[(0, 15), (0, 8 * 3600), (0, 15), (0, 15)]), Some(60));
    }

    #[test]
    fn who_promised_no_progress_is_never_stuck() {
        let mut progress = Progress::new(None, 0);
        progress.look(0, Duration::MAX);
        assert_eq!((progress.stuck(), progress.pause()), (None, None));
    }
}
