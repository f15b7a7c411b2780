//! Waiting for whichever of several channels, children and descriptors is first.
//!
//! In: receivers, children, anything with a descriptor. Out: which one is ready. What always holds:
//! it is one wait of the kernel; it takes nothing from what it waits for; a receiver whose message
//! has gone to another process meanwhile is not taken for ready.

use crate::channel::{Receiver, Receiving};
use procession_sys::fault::stands;
use procession_sys::wait::{self, Interest};
use std::cell::Cell;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// Waits for whichever is first: a message, a child's end, bytes on a socket.
///
/// Each source gets a number as it is added, in order from 0. When several are ready each gets its
/// turn. What is ready is taken from the source itself: `try_recv` for a receiver, since another
/// process may be quicker, `join` for a child, a read for a descriptor.
///
/// ```
/// use procession::{Process, Select, Sender};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (words, said) = procession::channel::<String>()?;
/// let (numbers, counted) = procession::channel::<u32>()?;
/// let work = |words: Sender<String>, numbers: Sender<u32>| {
///     words.send("one".to_owned()).expect("a listener");
///     numbers.send(1).expect("a listener");
/// };
/// let child = Process::new(work, (words.clone(), numbers.clone())).start()?;
///
/// let mut select = Select::new();
/// let word = select.recv(&said);
/// let number = select.recv(&counted);
/// let end = select.add(&child);
/// let mut got = Vec::new();
/// loop {
///     let first = select.wait()?;
///     if first == word {
///         got.extend(said.try_recv()?);
///     } else if first == number {
///         got.extend(counted.try_recv()?.map(|number| number.to_string()));
///     } else {
///         assert_eq!(first, end);
///         break;
///     }
/// }
/// drop(select);
/// child.join()?;
/// got.extend(said.try_recv()?);
/// got.extend(counted.try_recv()?.map(|number| number.to_string()));
/// got.sort();
/// assert_eq!(got, ["1", "one"]);
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
#[doc(alias = "select")]
#[doc(alias = "connection.wait")]
pub struct Select<'a> {
    sources: Vec<(BorrowedFd<'a>, Option<&'a Receiving>)>,
    /// Whose turn it is to be looked at first.
    next: Cell<usize>,
}

impl<'a> Select<'a> {
    /// Waits for nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits for a message of this channel too, or its end; gives the source's number.
    pub fn recv<T>(&mut self, receiver: &'a Receiver<T>) -> usize {
        self.push(receiver.as_fd(), Some(receiver.end()))
    }

    /// Waits for this too: a child has ended, a pipe, socket, connection or listener can be read
    /// from; gives the source's number.
    pub fn add(&mut self, source: &'a impl AsFd) -> usize {
        self.push(source.as_fd(), None)
    }

    fn push(&mut self, descriptor: BorrowedFd<'a>, receiving: Option<&'a Receiving>) -> usize {
        self.sources.push((descriptor, receiving));
        self.sources.len() - 1
    }

    /// Waits until one is ready; gives its number.
    ///
    /// # Errors
    /// `InvalidInput` where there is none to wait for; as `poll(2)`; as
    /// [`RecvError::Broken`](crate::channel::RecvError::Broken).
    pub fn wait(&self) -> io::Result<usize> {
        if self.sources.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "nothing to wait for"));
        }
        self.until(None)?.ok_or_else(|| io::ErrorKind::TimedOut.into())
    }

    /// As [`wait`](Self::wait), at most `timeout`; none where none is ready then.
    ///
    /// # Errors
    /// As [`wait`](Self::wait); nothing to wait for is none.
    pub fn wait_timeout(&self, timeout: Duration) -> io::Result<Option<usize>> {
        // A time beyond the clock's end is no limit.
        self.until(Instant::now().checked_add(timeout))
    }

    fn until(&self, deadline: Option<Instant>) -> io::Result<Option<usize>> {
        let waited: Vec<_> =
            self.sources.iter().map(|&(source, _)| (source, Interest::Readable)).collect();
        loop {
            let ready = wait::ready(&waited, deadline)?;
            if !ready.contains(&true) {
                return Ok(None);
            }
            let count = ready.len();
            let turns = (0..count).map(|turn| (self.next.get() + turn) % count);
            for number in turns.filter(|&number| ready[number]) {
                // A receiver that has nothing is armed by the look, so its bell is silent now.
                let sure = match self.sources[number].1 {
                    Some(receiving) if stands("selecting-looks-again") => receiving.is_ready()?,
                    _ => true,
                };
                if sure {
                    self.next.set(number + 1);
                    return Ok(Some(number));
                }
            }
        }
    }
}

impl fmt::Debug for Select<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Select").field("sources", &self.sources.len()).finish_non_exhaustive()
    }
}
