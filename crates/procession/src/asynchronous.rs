//! Awaiting a child in a tokio program.
//!
//! In: a child. Out: a future of its value. What always holds: the runtime's reactor waits for the
//! end of the process; no thread does.

use crate::child::Child;
use crate::ending::JoinError;
use crate::value::Value;
use std::future::{Future, IntoFuture};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// `child.await` is [`Child::join`] for a tokio program (feature `tokio`).
///
/// Piped output that nobody has taken is drained only once the process has ended; take and read it
/// where it may be more than a pipe holds (64 KiB).
///
/// ```
/// use procession::Process;
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let (left, right) = (
///         Process::new(|n: u64| n + 1, (1,)).start()?,
///         Process::new(|n: u64| n * 2, (5,)).start()?,
///     );
///     assert_eq!((left.await?, right.await?), (2, 10));
///     Ok(())
/// }
/// ```
///
/// # Panics
/// Outside a tokio runtime, or in one without I/O enabled, as every tokio type; and where the
/// process has no descriptor left to watch the child with.
impl<R: Value> IntoFuture for Child<R> {
    type Output = Result<R, JoinError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let end = self.as_fd().try_clone_to_owned().and_then(watched);
            let end = end.expect("a descriptor to watch the child with");
            // It fails only as the runtime shuts down, when nothing is polled any more.
            let _ = end.readable().await;
            self.join()
        })
    }
}

#[allow(deprecated, reason = "its successor is unsafe; an owned descriptor keeps the contract")]
fn watched(end: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(end, Interest::READABLE)
}
