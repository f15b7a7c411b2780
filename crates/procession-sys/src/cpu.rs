//! Which processor runs us, a clock that costs next to nothing, the grain of processor times.
//!
//! In: nothing. Out: hints, for deciding whether to spin and whether it is time to look again. What
//! always holds: neither enters the kernel on a common machine; both may be outdated at once.

use rustix::time::ClockId;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// The processor that the calling thread runs on, by number.
#[inline]
pub fn current() -> u32 {
    // SAFETY: `sched_getcpu` has no precondition.
    let cpu = unsafe { libc::sched_getcpu() };
    // Without such a call (ENOSYS) every thread looks as if on one processor, where nobody spins.
    u32::try_from(cpu).unwrap_or_default()
}

/// Has the processor fetch the line of this word, to be written soon. It changes nothing else.
#[inline]
pub fn expect_write(word: &AtomicU64) {
    // SAFETY: a hint, which no address can make fault; processors without it do nothing.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    unsafe {
        std::arch::asm!("prefetchw [{}]", in(reg) word, options(nostack, preserves_flags));
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = word;
}

/// Time since some moment before the start, as of the last timer tick: 1 to 10 ms old at most.
#[inline]
pub fn coarse_time() -> Duration {
    let time = rustix::time::clock_gettime(ClockId::MonotonicCoarse);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// How many ticks the clock of processor times in `/proc` makes in a second.
pub fn clock_ticks() -> u64 {
    rustix::param::clock_ticks_per_second()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coarse_clock_goes_on() {
        let start = coarse_time();
        let deadline = std::time::Instant::now() + Duration::from_secs(30);
        while coarse_time() == start {
            assert!(std::time::Instant::now() < deadline, "the coarse clock stands still");
            std::thread::yield_now();
        }
        assert!(coarse_time() > start);
    }

    #[test]
    fn a_bound_thread_runs_where_it_is_bound() {
        std::thread::spawn(|| {
            let cpu = *crate::inherit::affinity().expect("affinity").first().expect("a processor");
            crate::inherit::set_affinity(&[cpu]).expect("binding");
            assert_eq!(current(), u32::from(cpu));
        })
        .join()
        .expect("the bound thread");
    }
}
