//! Several descriptors and a point in time, waited for as one descriptor.
//!
//! Threads, a `Select` and an async runtime can wait for the same set, while another thread changes
//! it: the wait borrows no member.
//!
//! # Invariants
//! - The set is readable exactly as long as a member is ready or its time has come.
//! - Removing a member before it is closed is the caller's duty: the kernel keeps watching a closed
//!   descriptor of which a copy is open elsewhere.

use crate::alarm::{self, Alarm};
use crate::descriptor::above_standard;
use crate::wait::Interest;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

/// A set of descriptors, and a time, that is ready to read when one of them is ready.
#[derive(Debug)]
pub struct WaitSet {
    epoll: OwnedFd,
    alarm: Alarm,
}

impl WaitSet {
    /// Creates an empty set, which is never ready.
    ///
    /// # Errors
    /// `EMFILE`, `ENFILE`, `ENOMEM`.
    pub fn new() -> io::Result<Self> {
        let set = Self {
            epoll: above_standard(epoll::create(CreateFlags::CLOEXEC)?)?,
            alarm: Alarm::new()?,
        };
        set.add(set.alarm.as_fd(), Interest::Readable)?;
        Ok(set)
    }

    /// Adds a descriptor.
    ///
    /// # Errors
    /// As `epoll_ctl(2)`: `ENOMEM`, `ENOSPC`, `EEXIST` for a member.
    pub fn add(&self, member: BorrowedFd<'_>, interest: Interest) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, member, EventData::new_u64(0), flags(interest))?)
    }

    /// Removes a descriptor. One that is no member is left alone.
    pub fn remove(&self, member: BorrowedFd<'_>) {
        let _ = epoll::delete(&self.epoll, member);
    }

    /// Makes the set ready from `time` on, in place of the time that was set before.
    ///
    /// # Errors
    /// `EINVAL` for a time beyond the kernel's.
    pub fn wake_at(&self, time: Option<Instant>) -> io::Result<()> {
        match time {
            None => self.alarm.clear(),
            Some(time) => {
                let left = time.saturating_duration_since(Instant::now());
                self.alarm.set(alarm::since_boot() + left)
            }
        }
    }
}

fn flags(interest: Interest) -> EventFlags {
    match interest {
        Interest::Readable => EventFlags::IN,
        Interest::Writable => EventFlags::OUT,
        Interest::HangUp => EventFlags::empty(),
    }
}

impl AsFd for WaitSet {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    fn is_ready(set: &WaitSet, patience: Duration) -> bool {
        let waited = [(set.as_fd(), Interest::Readable)];
        wait::ready(&waited, Some(Instant::now() + patience)).expect("a wait") == [true]
    }

    #[test]
    fn a_set_is_ready_as_long_as_a_member_is_and_until_it_is_removed() {
        let set = WaitSet::new().expect("a set");
        let (mut near, mut far) = UnixStream::pair().expect("a pair");
        set.add(near.as_fd(), Interest::Readable).expect("a member");
        assert!(!is_ready(&set, Duration::ZERO));
        far.write_all(b"x").expect("room");
        assert!(is_ready(&set, Duration::ZERO));
        near.read_exact(&mut [0]).expect("the byte");
        assert!(!is_ready(&set, Duration::ZERO));
        drop(far);
        assert!(is_ready(&set, Duration::ZERO), "the other side is gone");
        set.remove(near.as_fd());
        set.remove(near.as_fd());
        assert!(!is_ready(&set, Duration::ZERO));
    }

    #[test]
    fn a_set_is_ready_at_its_time_and_no_longer_once_that_is_taken_back() {
        let set = WaitSet::new().expect("a set");
        set.wake_at(Some(Instant::now() + Duration::from_millis(5))).expect("a time");
        assert!(is_ready(&set, Duration::from_secs(30)));
        set.wake_at(None).expect("no time");
        assert!(!is_ready(&set, Duration::ZERO));
        set.wake_at(Some(Instant::now() + Duration::from_secs(3600))).expect("a time");
        assert!(!is_ready(&set, Duration::ZERO));
    }
}
