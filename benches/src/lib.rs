//! Measuring: rounds, medians, processors.
//!
//! In: work that says how long it took. Out: the median of some rounds. What always holds: what is
//! compared was measured in one run, each on the same processors.

use procession::{Process, Receiver, Sender};
use procession_sys::inherit;
use std::time::Duration;

/// How many rounds a number is the median of.
pub const ROUNDS: usize = 5;

/// Where the two sides of a measurement run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Cpus {
    /// Both on one processor.
    One,
    /// Each on its own.
    Two,
}

impl Cpus {
    /// Binds the side that the benchmark's own process plays.
    pub fn bind_here(self) {
        bind(0);
    }

    /// Binds the other side.
    pub fn bind_there(self) {
        bind(match self {
            Self::One => 0,
            Self::Two => 1,
        });
    }
}

/// Binds to the processor of this place among those that the benchmark was started with.
fn bind(place: usize) {
    let all = inherit::affinity().unwrap_or_default();
    let wanted = [0, 1].get(place).copied().unwrap_or_default();
    let _ = all;
    inherit::set_affinity(&[wanted]).expect("two processors, 0 and 1");
}

/// The median of [`ROUNDS`] rounds.
pub fn median(mut round: impl FnMut() -> Duration) -> Duration {
    let mut rounds: Vec<Duration> = (0..ROUNDS).map(|_| round()).collect();
    rounds.sort_unstable();
    rounds[ROUNDS / 2]
}

/// What two processes say to each other around a measurement.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Gate {
    ready: Sender<()>,
    go: Receiver<()>,
}

#[doc(hidden)]
pub fn unused(_: &Gate, _: Process<()>) {}
