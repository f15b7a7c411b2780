//! Waiting on descriptors until a deadline.
//!
//! In: descriptors and an optional deadline. Out: which of them are ready. What always holds: a
//! wait is one kernel wait, interrupted calls go on with what remains of their time, and there is
//! no polling.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Instant;

/// What a descriptor is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Something to read, or the other side is gone.
    Readable,
    /// Room to write, or the other side is gone.
    Writable,
    /// Nothing but the end: the other side is gone, or the process behind a pidfd is reaped.
    HangUp,
}

/// Waits until at least one of `descriptors` is ready or `deadline` has passed.
///
/// Gives one flag per descriptor, in order: ready, hung up or broken. All are false when the
/// deadline passed first.
///
/// # Errors
/// As `poll(2)`, but for `EINTR`.
pub fn ready(
    descriptors: &[(BorrowedFd<'_>, Interest)],
    deadline: Option<Instant>,
) -> io::Result<Vec<bool>> {
    let mut polled: Vec<PollFd<'_>> = descriptors
        .iter()
        .map(|&(descriptor, interest)| {
            let events = match interest {
                Interest::Readable => PollFlags::IN,
                Interest::Writable => PollFlags::OUT,
                Interest::HangUp => PollFlags::empty(),
            };
            PollFd::from_borrowed_fd(descriptor, events)
        })
        .collect();
    loop {
        match poll(&mut polled, time_left(deadline).as_ref()) {
            Ok(_) => return Ok(polled.iter().map(|one| !one.revents().is_empty()).collect()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

pub(crate) fn time_left(deadline: Option<Instant>) -> Option<Timespec> {
    let left = deadline?.saturating_duration_since(Instant::now());
    Some(Timespec::try_from(left).unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 }))
}
