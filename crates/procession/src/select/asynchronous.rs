//! Selecting in a tokio program.
//!
//! # Invariants
//! - The runtime's reactor waits for the sources; no lock is waited for on its thread.
//! - A future that is dropped has taken nothing from any source.

use super::{AGAIN, Select};
use crate::watch;
use procession_sys::robust::Wait;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::Instant;

impl<K: Clone> Select<'_, K> {
    /// As [`wait`](Self::wait), for a tokio program (feature `tokio`).
    ///
    /// A future that is dropped before it is done has taken nothing, so it may be a branch of
    /// `tokio::select!`.
    ///
    /// ```
    /// use procession::{Process, Select, Sender};
    ///
    /// #[tokio::main(flavor = "current_thread")]
    /// async fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     let (sender, receiver) = procession::channel()?;
    ///     let work = |to: Sender<u32>| (1..=3).for_each(|n| to.send(n).expect("a listener"));
    ///     let child = Process::new(work, (sender,)).start()?;
    ///     let mut select = Select::new();
    ///     select.recv("number", &receiver);
    ///     select.add("end", &child);
    ///     let mut got = Vec::new();
    ///     while got.len() < 3 {
    ///         if select.wait_async().await? == "number" {
    ///             got.extend(receiver.try_recv()?);
    ///         }
    ///     }
    ///     assert_eq!(got, [1, 2, 3]);
    ///     drop(select);
    ///     child.await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`wait`](Self::wait); too many open files.
    ///
    /// # Panics
    /// Outside a tokio runtime, or in one without I/O enabled.
    pub async fn wait_async(&self) -> io::Result<K> {
        self.check()?;
        let mut locked = vec![false; self.sources.len()];
        loop {
            let lists = self.lists()?;
            let ready = self.poll(&lists, &locked, Some(Instant::now()))?;
            if let Some(key) = self.look(&ready, &mut locked, || Wait::Looks)? {
                return Ok(key);
            }
            if ready.contains(&true) {
                continue;
            }
            let descriptors = self.descriptors(&lists, &locked);
            let any = watch::any_readable(descriptors.into_iter().filter_map(|(_, one)| one));
            if locked.contains(&true) {
                either(any, locks_may_be_free()).await?;
                locked.fill(false);
            } else {
                any.await?;
            }
        }
    }
}

/// Waits for a while, after which a lock may be free.
async fn locks_may_be_free() -> io::Result<()> {
    // It fails only as the runtime shuts down, when nothing is polled any more.
    let _ = tokio::task::spawn_blocking(|| std::thread::sleep(AGAIN)).await;
    Ok(())
}

/// Waits for the first of two.
async fn either(
    one: impl Future<Output = io::Result<()>>,
    other: impl Future<Output = io::Result<()>>,
) -> io::Result<()> {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|context| match one.as_mut().poll(context) {
        Poll::Pending => other.as_mut().poll(context),
        ready @ Poll::Ready(_) => ready,
    })
    .await
}
