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

/// `child.await` is [`Child::join`] for a tokio program (feature `tokio`). `(&mut child).await` is
/// the same and leaves the handle, for whoever may stop waiting:
///
/// ```
/// # use procession::Process;
/// # use std::time::Duration;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # fn for_ever() { loop { std::thread::park() } }
/// let mut child = Process::new(for_ever, ()).start()?;
/// match tokio::time::timeout(Duration::from_millis(10), &mut child).await {
///     Ok(value) => value?,
///     Err(_time_is_over) => {
///         child.kill()?;
///         assert_eq!(child.await.unwrap_err().signal(), Some(9));
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// A future that is dropped does nothing to the process, nor does a dropped handle, unless its plan
/// says [`kill_on_drop`](crate::Process::kill_on_drop).
///
/// Piped outputs that nobody has taken are drained while the process is awaited, as
/// [`Child::join`] does. `child.await` closes its standard input first; `(&mut child).await` leaves
/// it open.
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

    fn into_future(mut self) -> Self::IntoFuture {
        Box::pin(async move {
            self.close_input();
            (&mut self).await
        })
    }
}

/// As for the child itself; a value that was given is [`Ending::Taken`](crate::Ending::Taken) after
/// it.
impl<'a, R: Value> IntoFuture for &'a mut Child<R> {
    type Output = Result<R, JoinError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            self.take_outputs();
            loop {
                let outputs: Vec<_> = self.outputs().collect();
                let watched = outputs.iter().copied().chain([self.as_fd()]);
                let ready = watch::any_readable(watched).await;
                ready.expect("descriptors to watch the child and its outputs with");
                let is_drained = outputs.is_empty();
                // Looking whether it is alive drains the outputs.
                if is_drained || !self.is_alive() {
                    return self.finish();
                }
            }
        })
    }
}
