//! Having a tokio runtime wait for a descriptor.
//!
//! In: a descriptor. Out: a future that is done when it is ready. What always holds: the
//! runtime's reactor waits, no thread does; a future that is dropped leaves nothing behind.

use std::future::poll_fn;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::task::Poll;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Waits until `descriptor` is ready to read. It watches a duplicate, since a runtime watches each
/// descriptor once only.
///
/// # Errors
/// Too many open files.
///
/// # Panics
/// Outside a tokio runtime, or in one without I/O enabled.
pub(crate) async fn readable(descriptor: BorrowedFd<'_>) -> io::Result<()> {
    let watched = watched(descriptor.try_clone_to_owned()?, Interest::READABLE)?;
    // It fails only as the runtime shuts down, when nothing is polled any more.
    let _ = watched.readable().await;
    Ok(())
}

/// As [`readable`], until `descriptor` is ready to write.
///
/// # Errors
/// Too many open files.
///
/// # Panics
/// As [`readable`].
pub(crate) async fn writable(descriptor: BorrowedFd<'_>) -> io::Result<()> {
    let watched = watched(descriptor.try_clone_to_owned()?, Interest::WRITABLE)?;
    let _ = watched.writable().await;
    Ok(())
}

/// Waits until at least one of `descriptors` is ready to read. It watches duplicates, as
/// [`readable`] does.
///
/// # Errors
/// Too many open files.
///
/// # Panics
/// As [`readable`].
pub(crate) async fn any_readable(
    descriptors: impl IntoIterator<Item = BorrowedFd<'_>>,
) -> io::Result<()> {
    let watched = descriptors
        .into_iter()
        .map(|descriptor| watched(descriptor.try_clone_to_owned()?, Interest::READABLE))
        .collect::<io::Result<Vec<_>>>()?;
    poll_fn(|context| {
        let ready = watched.iter().any(|one| one.poll_read_ready(context).is_ready());
        if ready { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    Ok(())
}

#[allow(deprecated, reason = "its successor is unsafe; an owned descriptor keeps the contract")]
fn watched(end: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(end, interest)
}
