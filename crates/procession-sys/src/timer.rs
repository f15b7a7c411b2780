//! A time at which the kernel kills this process.
//!
//! # Invariants
//! - The kernel's timer kills this process: a stopped parent or server does not delay it, and the
//!   process cannot block it.
//! - A `fork` does not copy the timer, and an `exec` removes it.

use rustix::time::ClockId;
use std::io;
use std::mem::MaybeUninit;
use std::time::Duration;

/// Time on the clock of [`std::time::Instant`] (`CLOCK_MONOTONIC`), which all processes of a machine
/// share. It stands still while the machine is suspended.
pub fn monotonic() -> Duration {
    let time = rustix::time::clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Has the kernel send this process SIGKILL at a time of [`monotonic`]; at once if it has passed.
///
/// # Errors
/// `EAGAIN` at the limit on queued signals (`RLIMIT_SIGPENDING`).
pub fn kill_at(time: Duration) -> io::Result<()> {
    let mut timer = MaybeUninit::<libc::timer_t>::uninit();
    // SAFETY: all zeros is a valid `sigevent`.
    let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
    event.sigev_notify = libc::SIGEV_SIGNAL;
    event.sigev_signo = libc::SIGKILL;
    // SAFETY: both pointers are good for the call, which initialises `timer` where it succeeds.
    let timer = unsafe {
        check(libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, timer.as_mut_ptr()))?;
        timer.assume_init()
    };
    // All zeros would disarm it.
    let time = time.max(Duration::from_nanos(1));
    let once = libc::itimerspec {
        it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 },
        it_value: libc::timespec {
            tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: libc::c_long::from(i32::try_from(time.subsec_nanos()).unwrap_or_default()),
        },
    };
    // SAFETY: the timer was made just now; a null last argument asks for no old value.
    check(unsafe {
        libc::timer_settime(timer, libc::TIMER_ABSTIME, &raw const once, std::ptr::null_mut())
    })
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
