//! Awaiting a child in a tokio program.
//!
//! In: a child. Out: a future of its value. What always holds: the runtime's reactor waits for the
//! end of the process; no thread does.

use crate::child::Child;
use crate::ending::JoinError;
use crate::value::Value;
use crate::watch;
use std::future::{Future, IntoFuture};
use std::os::fd::AsFd;
use std::pin::Pin;

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
            let ended = watch::readable(self.as_fd()).await;
            ended.expect("a descriptor to watch the child with");
            self.join()
        })
    }
}
