//! The monitor's clock, as a number.
//!
//! In: nothing; whoever calls says what time it is. Out: moments and spans that can be compared.
//! Always: one clock, which never runs backwards and goes on over restarts; no wall clock.

use serde::{Deserialize, Serialize};
use std::ops::{Add, Sub};

/// A span of time in milliseconds.
pub type Ms = u64;

/// A moment: milliseconds since the monitor's epoch, the first start of its database.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Time(pub u64);

impl Add<Ms> for Time {
    type Output = Time;

    /// Saturates: a deadline past the end of time is never reached.
    fn add(self, span: Ms) -> Time {
        Time(self.0.saturating_add(span))
    }
}

impl Sub for Time {
    type Output = Ms;

    /// The span from `earlier` to here; 0 if `earlier` is later.
    fn sub(self, earlier: Time) -> Ms {
        self.0.saturating_sub(earlier.0)
    }
}

impl Sub<Ms> for Time {
    type Output = Time;

    /// Saturates at the epoch.
    fn sub(self, span: Ms) -> Time {
        Time(self.0.saturating_sub(span))
    }
}
