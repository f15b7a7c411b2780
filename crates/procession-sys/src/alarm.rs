//! A clock that goes on while the machine sleeps, and a descriptor that is ready at a time of it.
//!
//! In: a time since boot. Out: a descriptor to wait on. What always holds: a time that passed while
//! the machine was suspended is past as soon as it is back; nobody who sets the wall clock moves it.

use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec,
};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// Time since boot, with the time that the machine was suspended (`CLOCK_BOOTTIME`).
pub fn since_boot() -> Duration {
    let time = rustix::time::clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

const NEVER: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// A descriptor that becomes ready to read at a time since boot (`timerfd_create(2)`).
#[derive(Debug)]
pub struct Alarm(OwnedFd);

impl Alarm {
    /// An alarm that is not set.
    ///
    /// # Errors
    /// `EMFILE`, `ENFILE`, `ENOMEM`.
    pub fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = rustix::time::timerfd_create(TimerfdClockId::Boottime, flags)?;
        crate::descriptor::above_standard(timer).map(Self)
    }

    /// Sets it to a time since boot; a time that has passed makes it ready at once. A time set
    /// before is forgotten.
    ///
    /// # Errors
    /// `EINVAL` for a time beyond the kernel's.
    pub fn set(&self, at: Duration) -> io::Result<()> {
        // All zeros would unset it.
        self.set_raw(Timespec::try_from(at.max(Duration::from_nanos(1))).map_err(io::Error::other)?)
    }

    /// Takes back the time that was set, and the readiness if that time has come.
    ///
    /// # Errors
    /// None that is expected.
    pub fn clear(&self) -> io::Result<()> {
        self.set_raw(NEVER)
    }

    fn set_raw(&self, at: Timespec) -> io::Result<()> {
        let once = Itimerspec { it_interval: NEVER, it_value: at };
        rustix::time::timerfd_settime(&self.0, TimerfdTimerFlags::ABSTIME, &once)?;
        Ok(())
    }
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait::{self, Interest};
    use std::time::Instant;

    #[test]
    fn an_alarm_is_ready_at_its_time_and_not_before() {
        let alarm = Alarm::new().expect("an alarm");
        let ready = |until| {
            let waited = [(alarm.as_fd(), Interest::Readable)];
            wait::ready(&waited, Some(until)).expect("a wait") == [true]
        };
        assert!(!ready(Instant::now()), "it was never set");
        let at = since_boot() + Duration::from_millis(20);
        alarm.set(at).expect("a time");
        assert!(ready(Instant::now() + Duration::from_secs(30)));
        assert!(since_boot() >= at);
        alarm.set(since_boot() + Duration::from_secs(3600)).expect("a time");
        assert!(!ready(Instant::now()), "it was set anew");
        alarm.set(Duration::ZERO).expect("a time");
        assert!(ready(Instant::now() + Duration::from_secs(30)), "that time has passed");
        alarm.clear().expect("no time");
        assert!(!ready(Instant::now()), "the time was taken back");
    }
}
