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
use procession_sys::per_process::PerProcess;
use procession_sys::tally::{List, Pen, tally};
use procession_sys::wait::{self, Interest};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
/// [`keeping`](Self::keeping) has lost jobs come back, to be sent again. [`Select`](crate::Select)
/// waits for jobs and other things at once.
///
/// A job has a descriptor, so at most 32 are under way, and a worker has an open file for each that
/// it holds.
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
#[doc(alias = "JoinableQueue")]
pub struct Joinable<T> {
    sender: Sender<Job<T>>,
    outstanding: Outstanding,
    kept: Option<Kept<T>>,
}

/// Copies of jobs, from which the lost come back.
struct Kept<T> {
    copy: fn(&T) -> T,
    /// Of those that are not known to be done, by number.
    unfinished: BTreeMap<u64, T>,
    /// Of those that a `join` has found to be lost.
    lost: Vec<(u64, T)>,
}

/// The jobs since the last [`Joinable::join`].
#[derive(Debug)]
struct Open {
    /// None once it is waited for.
    pen: Option<Arc<Pen>>,
    list: Arc<List>,
    /// Not crossed off yet.
    left: BTreeSet<u64>,
}

impl Open {
    fn new() -> io::Result<(Self, Arc<Pen>)> {
        let (pen, list) = tally()?;
        let (pen, list) = (Arc::new(pen), Arc::new(list));
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

/// The jobs of one sender that are not known to be done or lost.
#[derive(Debug)]
pub(crate) struct Outstanding {
    /// The number of the next job.
    number: u64,
    /// A copy of the process (`fork`) has sent nothing yet: at the fork another thread may have had
    /// the lock, and what was sent is the original's.
    lists: PerProcess<Mutex<Lists>>,
}

#[derive(Debug, Default)]
struct Lists {
    /// Those waited for in vain, and the one that is written to now.
    open: Vec<Open>,
    /// What was not crossed off on those that have ended.
    lost: Vec<u64>,
}

impl Lists {
    fn look(&mut self) -> io::Result<()> {
        self.open.iter_mut().try_for_each(|open| open.look().map(drop))
    }

    /// Whether this job is not known to be done.
    fn contain(&self, number: u64) -> bool {
        self.open.iter().any(|open| open.left.contains(&number)) || self.lost.contains(&number)
    }
}

impl Outstanding {
    fn new() -> Self {
        Self { number: 0, lists: PerProcess::new(Mutex::default) }
    }

    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.lists.get().lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The pen for the next job.
    fn pen(&self) -> io::Result<Arc<Pen>> {
        let mut lists = self.lists();
        if let Some(pen) = lists.open.last().and_then(|open| open.pen.clone()) {
            return Ok(pen);
        }
        let (open, pen) = Open::new()?;
        lists.open.push(open);
        Ok(pen)
    }

    /// The next job is under way. Crossed off already or not, it is seen at the next look.
    fn sent(&mut self, number: u64) {
        self.lists().open.last_mut().map(|open| open.left.insert(number));
        self.number += 1;
    }

    fn count(&self) -> usize {
        let lists = self.lists();
        lists.open.iter().map(|open| open.left.len()).sum::<usize>() + lists.lost.len()
    }

    /// A list that is ready once more jobs are done, or it has ended; `None` if each has ended.
    ///
    /// From now on no job is added to those lists.
    pub(crate) fn unfinished_list(&self) -> io::Result<Option<Arc<List>>> {
        let mut lists = self.lists();
        while let Some(open) = lists.open.first_mut() {
            open.pen = None;
            if open.look()? {
                return Ok(Some(Arc::clone(&open.list)));
            }
            let ended = lists.open.remove(0);
            lists.lost.extend(ended.left);
        }
        Ok(None)
    }

    /// Whether each job is done or lost.
    pub(crate) fn is_finished(&self) -> io::Result<bool> {
        Ok(self.unfinished_list()?.is_none())
    }

    /// The numbers of the jobs that are lost, once each list has ended.
    fn take_lost(&self) -> Vec<u64> {
        std::mem::take(&mut self.lists().lost)
    }
}

impl<T> Joinable<T> {
    /// Sends jobs with this sender.
    pub fn new(sender: Sender<Job<T>>) -> Self {
        Self { sender, outstanding: Outstanding::new(), kept: None }
    }

    /// As [`new`](Self::new); keeps a copy of each job until it is done, so that
    /// [`take_lost`](Self::take_lost) gives back those that are lost.
    ///
    /// ```
    /// use procession::{Job, Joinable, Process, Receiver};
    ///
    /// // A worker that dies of one job.
    /// fn work(jobs: Receiver<Job<u32>>) {
    ///     for job in jobs.into_iter().flatten() {
    ///         if *job == 3 {
    ///             std::process::abort();
    ///         }
    ///         job.done();
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (sender, receiver) = procession::channel()?;
    /// let worker = Process::new(work, (receiver,)).start()?;
    /// let mut jobs = Joinable::keeping(sender);
    /// for number in 1..=3 {
    ///     jobs.send(number)?;
    /// }
    /// assert_eq!(jobs.join()?, [2], "the number of the job, which counts from 0");
    /// assert_eq!(jobs.take_lost(), [(2, 3)]);
    /// # worker.join().unwrap_err();
    /// # Ok(())
    /// # }
    /// ```
    pub fn keeping(sender: Sender<Job<T>>) -> Self
    where
        T: Clone,
    {
        let kept = Kept { copy: T::clone, unfinished: BTreeMap::new(), lost: Vec::new() };
        Self { kept: Some(kept), ..Self::new(sender) }
    }

    /// The jobs that a `join` has found to be lost since the last call, each with its number. None
    /// unless they are kept; see [`keeping`](Self::keeping).
    pub fn take_lost(&mut self) -> Vec<(u64, T)> {
        self.kept.as_mut().map(|kept| std::mem::take(&mut kept.lost)).unwrap_or_default()
    }

    /// The channel that they are sent through.
    pub fn sender(&self) -> &Sender<Job<T>> {
        &self.sender
    }

    pub(crate) fn outstanding(&self) -> &Outstanding {
        &self.outstanding
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
        let prepared = self.prepare();
        let (number, pen) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return Err(SendError::new(value, SendFailure::Broken(error))),
        };
        let copy = self.kept.as_ref().map(|kept| (kept.copy)(&value));
        send(&self.sender, Job { value, number, pen }).map_err(|error| error.map(Job::give_up))?;
        self.outstanding.sent(number);
        if let (Some(kept), Some(copy)) = (&mut self.kept, copy) {
            kept.unfinished.insert(number, copy);
        }
        Ok(number)
    }

    /// The number and the pen for the next job; now and then, a look at what is crossed off.
    fn prepare(&mut self) -> io::Result<(u64, Arc<Pen>)> {
        if self.outstanding.number % LOOK == 0 {
            self.look()?;
        }
        Ok((self.outstanding.number, self.outstanding.pen()?))
    }

    /// Looks at what is crossed off, and lets go of what was kept of that.
    fn look(&mut self) -> io::Result<()> {
        let mut lists = self.outstanding.lists();
        lists.look()?;
        if let Some(kept) = &mut self.kept {
            kept.unfinished.retain(|&number, _| lists.contain(number));
        }
        Ok(())
    }

    /// How many jobs are not done yet, as far as is known: those that are lost count until a
    /// `join` tells of them.
    ///
    /// # Errors
    /// As `read(2)` on a pipe: none that is expected.
    pub fn unfinished(&mut self) -> io::Result<usize> {
        self.look()?;
        Ok(self.outstanding.count())
    }

    /// Waits until every job that was sent is done or lost; gives the numbers of the lost.
    ///
    /// # Errors
    /// As `poll(2)`.
    pub fn join(&mut self) -> io::Result<Vec<u64>> {
        self.join_until(None)?.ok_or_else(|| io::ErrorKind::TimedOut.into())
    }

    /// As [`join`](Self::join), at most `timeout`; `None` if jobs are left then.
    ///
    /// # Errors
    /// As [`join`](Self::join).
    pub fn join_timeout(&mut self, timeout: Duration) -> io::Result<Option<Vec<u64>>> {
        // A time beyond the clock's end is no limit.
        self.join_until(Instant::now().checked_add(timeout))
    }

    /// As [`join_timeout`](Self::join_timeout), until a moment.
    ///
    /// # Errors
    /// As [`join`](Self::join).
    pub fn join_deadline(&mut self, deadline: Instant) -> io::Result<Option<Vec<u64>>> {
        self.join_until(Some(deadline))
    }

    fn join_until(&mut self, deadline: Option<Instant>) -> io::Result<Option<Vec<u64>>> {
        while let Some(list) = self.outstanding.unfinished_list()? {
            let list = (list.as_fd(), Interest::Readable);
            // What is ready may be more that is done, and not yet the end.
            if wait::ready(&[list], deadline)? != [true] {
                return Ok(None);
            }
        }
        let lost = self.outstanding.take_lost();
        if let Some(kept) = &mut self.kept {
            for (number, value) in std::mem::take(&mut kept.unfinished) {
                if lost.contains(&number) {
                    kept.lost.push((number, value));
                }
            }
        }
        Ok(Some(lost))
    }
}

impl<T> fmt::Debug for Joinable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Joinable").field("sent", &self.outstanding.number).finish_non_exhaustive()
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
