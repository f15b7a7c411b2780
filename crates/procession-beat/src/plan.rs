//! When a report is tried again: pure, with the random number as an argument.
//!
//! In: how often a beat is due and how long silence is forgiven. Out: when the first beat is sent,
//! how long one try may take, and how long to wait before the next. Always: three tries and more
//! fit between a beat's due time and the monitor's deadline, so that one lost packet is no alarm;
//! and no two programs started together keep in step.

use std::time::Duration;

/// The longest wait between two tries: 30 s, so that a monitor that comes back hears of everybody
/// soon.
pub const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// The longest time for one try, from connecting to the answer: 10 s.
pub const LONGEST_TRY: Duration = Duration::from_secs(10);

/// When to send, and when to send again.
///
/// ```
/// use procession_beat::Plan;
/// use std::time::Duration;
///
/// let plan = Plan::new(Duration::from_secs(300), Duration::from_secs(60));
/// // The first try failed at once: the next follows within a second.
/// assert!(plan.wait(1, Duration::ZERO, 0.9).unwrap() < Duration::from_secs(1));
/// // Nothing is tried again once the next beat is due.
/// assert_eq!(plan.wait(40, Duration::from_secs(299), 0.9), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    period: Duration,
    grace: Duration,
}

impl Plan {
    /// A plan for beats of this period and grace.
    pub fn new(period: Duration, grace: Duration) -> Plan {
        Plan { period, grace }
    }

    /// The plan of one last report within `linger`, for a program that is gone.
    pub fn once(linger: Duration) -> Plan {
        Plan { period: linger, grace: linger }
    }

    /// How long after its start a heartbeat sends its second beat (the first is sent at once):
    /// a random phase, so that a fleet started together does not beat together.
    /// `random` is in `0.0..1.0`.
    pub fn phase(&self, random: f64) -> Duration {
        self.period.mul_f64(fraction(random))
    }

    /// How long one try may take, connecting included.
    pub fn try_limit(&self) -> Duration {
        (self.grace / 4).min(LONGEST_TRY)
    }

    /// How long to wait after the `tries`-th failed try, `since_due` after the beat fell due; or
    /// `None` if the next beat, with a newer story, is nearer than that. `random` is in `0.0..1.0`.
    ///
    /// The bound doubles from a second (for a short grace: a sixteenth of it) to
    /// [`LONGEST_WAIT`] (a quarter of the grace), and the wait is anything below it.
    pub fn wait(&self, tries: u32, since_due: Duration, random: f64) -> Option<Duration> {
        let first = (self.grace / 16).min(Duration::from_secs(1));
        let longest = (self.grace / 4).min(LONGEST_WAIT);
        let doubled = first.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1)));
        let wait = doubled.min(longest).mul_f64(fraction(random));
        (since_due + wait < self.period).then_some(wait)
    }
}

/// `random` forced into `0.0..=1.0`: a plan must not panic for a bad number.
fn fraction(random: f64) -> f64 {
    if random.is_finite() { random.clamp(0.0, 1.0) } else { 0.5 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn three_whole_tries_fit_into_the_grace_whatever_the_dice_say(
            grace_ms in 100_u64..365 * 24 * 3_600_000,
            extra_ms in 0_u64..1_000_000,
            dice in prop::collection::vec(0.0..1.0, 2),
        ) {
            let grace = Duration::from_millis(grace_ms);
            let plan = Plan::new(grace + Duration::from_millis(extra_ms), grace);
            let mut clock = Duration::ZERO;
            for (tries, random) in (1..).zip(dice) {
                clock += plan.try_limit();
                clock += plan.wait(tries, clock, random).expect("room for another try");
            }
            clock += plan.try_limit();
            prop_assert!(clock <= grace, "the third try ended after {clock:?} of {grace:?}");
        }

        #[test]
        fn no_try_reaches_into_the_next_period(
            tries in 0_u32..200, since_ms in 0_u64..400_000, random in any::<f64>()
        ) {
            let plan = Plan::new(Duration::from_secs(300), Duration::from_secs(60));
            let since = Duration::from_millis(since_ms);
            if let Some(wait) = plan.wait(tries, since, random) {
                prop_assert!(since + wait < Duration::from_secs(300));
                prop_assert!(wait <= LONGEST_WAIT);
            }
        }
    }
}
