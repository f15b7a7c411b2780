//! A sender that can wait until everything it sent is done.
//!
//! In: values. Out: jobs at the receivers, and in the end which of them were lost. What always
//! holds: waiting ends once every job was done, dropped, or is gone with the process that had it.
//!
//! Each job carries a pen (`procession_sys::tally`) and its number. Doing it crosses the number off
//! and closes the pen. The kernel closes the pens of the dead, and those of messages that nobody can
//! receive any more. So when the sender has put its own pen away and the list has ended, no job is
//! left anywhere, and what is not crossed off is lost. Nothing is counted that a death could leave
//! counted wrongly.

use super::error::{SendError, SendFailure};
use super::sender::Sender;
use crate::fd::Fd;
use crate::value::Value;
use procession_sys::fault::stands;
use procession_sys::tally::{List, Pen, tally};
use procession_sys::wait::{self, Interest};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeSet;
use std::io;
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// After so many jobs the sender looks at what is done, long before the list is full (8192).
const LOOK: u64 = 512;

/// A sender whose work can be awaited.
///
/// What it sends arrives as a [`Job`]; whoever receives it says [`done`](Job::done). `join` waits
/// until that was said of all that was sent with this sender, or cannot be said any more, since the
/// job was dropped, as by a panic, or its process has died: then it gives those jobs' numbers. It
/// does not hang when workers are killed. Jobs that nobody takes keep it waiting as long as a
/// process has a receiver, so leave the receivers to the workers.
///
/// A job travels beside the ring, so at most 32 are under way, and a worker has an open file for
/// each that it holds.
///
/// ```
/// use procession::{Job, Joinable, Process, Receiver};
///
/// fn work(jobs: Receiver<Job<String>>) {
///     for job in &jobs {
///         let job = job.expect("a job");
///         assert!(job.len() < 100, "too long");
///         job.done();
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (sender, receiver) = procession::channel()?;
/// let workers = [(); 2].map(|()| Process::new(work, (receiver.clone(),)).start());
/// drop(receiver);
/// let mut jobs = Joinable::new(sender);
/// for text in ["one", "two", "three"] {
///     jobs.send(text.to_owned())?;
/// }
/// assert!(jobs.join()?.is_empty());
/// # drop(jobs);
/// # for worker in workers { worker?.join()?; }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[doc(alias = "JoinableQueue")]
pub struct Joinable<T> {
    sender: Sender<Job<T>>,
    sent: u64,
    /// Those waited for in vain, and the one that is written to now.
    lists: Vec<Open>,
}

/// The jobs since the last [`Joinable::join`].
#[derive(Debug)]
struct Open {
    /// None once it is waited for.
    pen: Option<Arc<Pen>>,
    list: List,
    /// Not crossed off yet.
    left: BTreeSet<u64>,
}

impl Open {
    fn new() -> io::Result<(Self, Arc<Pen>)> {
        let (pen, list) = tally()?;
        let pen = Arc::new(pen);
        Ok((Self { pen: Some(Arc::clone(&pen)), list, left: BTreeSet::new() }, pen))
    }

    /// Whether the list is open yet.
    fn look(&mut self) -> io::Result<bool> {
        let left = &mut self.left;
        let open = self.list.look(|number| {
            left.remove(&number);
        })?;
        Ok(open || !stands("pens-of-the-dead") && !left.is_empty())
    }
}

impl<T> Joinable<T> {
    /// Sends jobs with this sender.
    pub fn new(sender: Sender<Job<T>>) -> Self {
        Self { sender, sent: 0, lists: Vec::new() }
    }

    /// The channel that they are sent through.
    pub fn sender(&self) -> &Sender<Job<T>> {
        &self.sender
    }
}

impl<T: Value> Joinable<T> {
    /// Sends a job, waiting for room; gives its number, which counts from 0.
    ///
    /// # Errors
    /// As [`Sender::send`], with the value.
    #[doc(alias = "put")]
    pub fn send(&mut self, value: T) -> Result<u64, SendError<T>> {
        self.send_with(value, Sender::send)
    }

    /// Sends a job if there is room at once; gives its number.
    ///
    /// # Errors
    /// As [`Sender::try_send`], with the value.
    #[doc(alias = "put_nowait")]
    pub fn try_send(&mut self, value: T) -> Result<u64, SendError<T>> {
        self.send_with(value, Sender::try_send)
    }

    /// Sends a job, waiting for room at most `timeout`; gives its number.
    ///
    /// # Errors
    /// As [`Sender::send_timeout`], with the value.
    pub fn send_timeout(&mut self, value: T, timeout: Duration) -> Result<u64, SendError<T>> {
        self.send_with(value, |sender, job| sender.send_timeout(job, timeout))
    }

    fn send_with(
        &mut self,
        value: T,
        send: impl FnOnce(&Sender<Job<T>>, Job<T>) -> Result<(), SendError<Job<T>>>,
    ) -> Result<u64, SendError<T>> {
        let number = self.sent;
        let pen = match self.pen() {
            Ok(pen) => pen,
            Err(error) => return Err(SendError::new(value, SendFailure::Broken(error))),
        };
        send(&self.sender, Job { value, number, pen }).map_err(|error| error.map(Job::give_up))?;
        // Crossed off already or not, it is seen at the next look.
        self.lists.last_mut().map(|open| open.left.insert(number));
        self.sent += 1;
        Ok(number)
    }

    /// The pen for the next job; now and then, a look at what is crossed off.
    fn pen(&mut self) -> io::Result<Arc<Pen>> {
        if self.sent % LOOK == 0 {
            self.look()?;
        }
        if let Some(pen) = self.lists.last().and_then(|open| open.pen.clone()) {
            return Ok(pen);
        }
        let (open, pen) = Open::new()?;
        self.lists.push(open);
        Ok(pen)
    }

    /// How many jobs are not done yet, as far as is known: those that are lost count until a
    /// `join` tells of them.
    ///
    /// # Errors
    /// As `read(2)` on a pipe: none that is expected.
    pub fn unfinished(&mut self) -> io::Result<usize> {
        self.look()?;
        Ok(self.lists.iter().map(|open| open.left.len()).sum())
    }

    fn look(&mut self) -> io::Result<()> {
        self.lists.iter_mut().try_for_each(|open| open.look().map(drop))
    }

    /// Waits until every job that was sent is done or lost; gives the numbers of the lost.
    ///
    /// # Errors
    /// As `poll(2)`.
    pub fn join(&mut self) -> io::Result<Vec<u64>> {
        self.join_until(None)?.ok_or_else(|| io::ErrorKind::TimedOut.into())
    }

    /// As [`join`](Self::join), at most `timeout`; none where jobs are left then.
    ///
    /// # Errors
    /// As [`join`](Self::join).
    pub fn join_timeout(&mut self, timeout: Duration) -> io::Result<Option<Vec<u64>>> {
        // A time beyond the clock's end is no limit.
        self.join_until(Instant::now().checked_add(timeout))
    }

    fn join_until(&mut self, deadline: Option<Instant>) -> io::Result<Option<Vec<u64>>> {
        for open in &mut self.lists {
            open.pen = None;
            while open.look()? {
                let list = (open.list.as_fd(), Interest::Readable);
                if wait::ready(&[list], deadline)? != [true] {
                    return Ok(None);
                }
            }
        }
        Ok(Some(self.lists.drain(..).flat_map(|open| open.left).collect()))
    }
}

impl<T> Serialize for Joinable<T> {
    /// Whoever receives it begins with nothing sent.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.sender.serialize(serializer)
    }
}

impl<'de, T> Deserialize<'de> for Joinable<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Sender::deserialize(deserializer).map(Self::new)
    }
}

/// A value whose sender may wait until it is [`done`](Self::done). It is used as the value.
///
/// Dropped in any other way, it counts as lost.
#[derive(Debug)]
#[must_use = "a job that is dropped is a lost one"]
pub struct Job<T> {
    value: T,
    number: u64,
    pen: Arc<Pen>,
}

impl<T> Job<T> {
    /// The value of a job that was not sent.
    fn give_up(self) -> T {
        self.value
    }

    /// Its number among those of its sender.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Says that it is done; gives the value. Nobody needs to be waiting for it.
    #[doc(alias = "task_done")]
    pub fn done(self) -> T {
        // Without a list nobody wants to know.
        let _ = self.pen.cross_off(self.number);
        self.value
    }
}

impl<T> Deref for Job<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Job<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

/// Sent on, it is the same job, of which there are two until this one is dropped.
impl<T: Serialize> Serialize for Job<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (Fd(self.pen.as_fd()), self.number, &self.value).serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Job<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (Fd(pen), number, value) = <(Fd<OwnedFd>, u64, T)>::deserialize(deserializer)?;
        let pen = Arc::new(Pen::adopt(pen).map_err(D::Error::custom)?);
        Ok(Self { value, number, pen })
    }
}
