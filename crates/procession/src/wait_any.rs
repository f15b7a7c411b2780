//! Waiting for whichever comes first.
//!
//! In: children and any other descriptors. Out: which of them are ready. What always holds: it is
//! one wait of the kernel, and it takes nothing from what it waits for.

use procession_sys::wait::{self, Interest};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// Waits until at least one of `these` is ready, at most `timeout`; gives the places of those that
/// are, in ascending order, and none when the time is over first.
///
/// A [`Child`](crate::Child) is ready when it has ended; a pipe, socket or file when a read would
/// not wait: there is data, or the other side is gone.
///
/// ```
/// use procession::{Process, wait_any};
/// use std::os::fd::AsFd;
/// use std::time::Duration;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// fn work(forever: bool) { while forever { std::thread::park() } }
/// let (slow, quick) = (Process::new(work, (true,)).start()?, Process::new(work, (false,)).start()?);
/// assert_eq!(wait_any(&[slow.as_fd(), quick.as_fd()], None)?, [1]);
/// assert!(wait_any(&[slow.as_fd()], Some(Duration::ZERO))?.is_empty());
/// # slow.kill()?;
/// # Ok(())
/// # }
/// ```
///
/// For receivers of channels use [`Select`](crate::Select), which knows when a message that woke
/// them has gone to another process.
///
/// # Errors
/// `InvalidInput` above the limit on open files, `OutOfMemory` (poll(2)).
#[doc(alias = "connection.wait")]
pub fn wait_any(these: &[BorrowedFd<'_>], timeout: Option<Duration>) -> io::Result<Vec<usize>> {
    let waited: Vec<_> = these.iter().map(|one| (one.as_fd(), Interest::Readable)).collect();
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let ready = wait::ready(&waited, deadline)?;
    Ok(ready.iter().enumerate().filter(|&(_, &ready)| ready).map(|(place, _)| place).collect())
}
