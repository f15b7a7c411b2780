//! Looking a little longer before falling asleep.
//!
//! In: where the other side runs. Out: whether what was waited for came while looking. What always
//! holds: it looks for some microseconds at most, fewer after it was in vain; it never burns the
//! very processor that the other side needs.
//!
//! Two processes on two processors reach each other in a microsecond by looking, in fifty by
//! sleeping. On one processor looking is in vain: there, one turn is given to the other side, which
//! costs less than falling asleep, if it has something to say.

use procession_sys::cpu;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Looking after much success, which is the longest that looking pays against falling asleep.
const LONG: Duration = Duration::from_micros(20);
/// Looking after much failure: an answer that is given at once takes about one microsecond.
const SHORT: Duration = Duration::from_micros(2);
/// Looking now and then nevertheless: two sides that have both come to sleep take each other's
/// waking up, some fifty microseconds, for slowness, and would never look long enough again.
const PROBE: Duration = Duration::from_micros(100);
/// How many failures lie between two probes; with these, probes cost what falling asleep costs.
const BETWEEN_PROBES: u32 = 32;

/// Pauses between two looks at most. Each look takes the memory from the side that writes it, so
/// looking less often lets that side get further.
const MOST_PAUSES: u32 = 16;

#[derive(Debug)]
pub(super) struct Spin {
    /// Failures since the last success.
    failures: AtomicU32,
}

impl Spin {
    pub(super) fn new() -> Self {
        Self { failures: AtomicU32::new(0) }
    }

    /// Whether `came` turned true.
    pub(super) fn until(&self, other_cpu: u32, came: impl Fn() -> bool) -> bool {
        if other_cpu == cpu::current() {
            std::thread::yield_now();
            return came();
        }
        let failures = self.failures.load(Ordering::Relaxed);
        let came = look(patience(failures), came);
        let failures = if came { failures / 2 } else { failures.wrapping_add(1) };
        self.failures.store(failures, Ordering::Relaxed);
        came
    }
}

fn patience(failures: u32) -> Duration {
    match failures {
        0..=2 => LONG,
        many if many % BETWEEN_PROBES == 0 => PROBE,
        _ => SHORT,
    }
}

fn look(patience: Duration, came: impl Fn() -> bool) -> bool {
    let mut pauses = 1;
    let start = Instant::now();
    loop {
        for _ in 0..pauses {
            std::hint::spin_loop();
        }
        if came() {
            return true;
        }
        if pauses == MOST_PAUSES && start.elapsed() > patience {
            return false;
        }
        pauses = (pauses * 2).min(MOST_PAUSES);
    }
}
