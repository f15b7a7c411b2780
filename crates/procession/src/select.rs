//! Waiting for whichever of several channels, children, jobs and descriptors is first.
//!
//! # Invariants
//! - It is one wait of the kernel, and takes nothing from the sources.
//! - A receiver whose message has gone to another process meanwhile is not taken for ready.
//! - A source whose lock is held by a stopped process does not keep the others waiting.

use crate::channel::{Joinable, Outstanding, Receiver, Receiving};
use procession_sys::fault::stands;
use procession_sys::robust::Wait;
use procession_sys::tally::List;
use procession_sys::wait::{self, Interest};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[cfg(feature = "tokio")]
mod asynchronous;

/// How long one look waits for a lock of a channel.
const BRIEF: Duration = Duration::from_millis(1);
/// After how long a source whose lock is held is looked at again.
const AGAIN: Duration = Duration::from_millis(10);

/// Waits for whichever is first: a message, a child's end, finished jobs, bytes on a socket.
///
/// Each source is added with a key of the caller's choice, which `wait` gives back: a variant of an
/// enum, a number, a name. When several sources are ready each gets its turn. What is ready is taken
/// from the source itself: `try_recv` for a receiver, since another process may be quicker, `join`
/// for a child or jobs, a read for a descriptor.
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
/// #[derive(Clone, Copy)]
/// enum Source {
///     Word,
///     Number,
///     End,
/// }
///
/// let mut select = Select::new();
/// select.recv(Source::Word, &said);
/// select.recv(Source::Number, &counted);
/// select.add(Source::End, &child);
/// let mut got = Vec::new();
/// loop {
///     match select.wait()? {
///         Source::Word => got.extend(said.try_recv()?),
///         Source::Number => got.extend(counted.try_recv()?.map(|number| number.to_string())),
///         Source::End => break,
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
#[doc(alias = "select")]
#[doc(alias = "connection.wait")]
pub struct Select<'a, K> {
    sources: Vec<(K, Source<'a>)>,
    /// Whose turn it is to be looked at first.
    next: AtomicUsize,
}

#[derive(Clone, Copy)]
enum Source<'a> {
    Descriptor(BorrowedFd<'a>),
    Receiver(&'a Receiving),
    Jobs(&'a Outstanding),
}

/// What a closer look at a source has shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Ready,
    NotReady,
    /// A lock is held that is needed to know.
    Locked,
}

impl Source<'_> {
    /// Looks closer at a source whose descriptor is ready.
    fn look(self, wait: Wait) -> io::Result<State> {
        let ready = match self {
            // A receiver that has nothing is armed by the look, so its bell is silent then.
            Self::Receiver(receiving) if stands("selecting-looks-again") => {
                match receiving.is_ready(wait) {
                    Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                        return Ok(State::Locked);
                    }
                    ready => ready?,
                }
            }
            Self::Descriptor(_) | Self::Receiver(_) => true,
            Self::Jobs(jobs) => jobs.is_finished()?,
        };
        Ok(if ready { State::Ready } else { State::NotReady })
    }
}

impl<'a, K: Clone> Select<'a, K> {
    /// Waits for nothing yet.
    pub fn new() -> Self {
        Self { sources: Vec::new(), next: AtomicUsize::new(0) }
    }

    /// Waits for a message of this channel too, or its end.
    pub fn recv<T>(&mut self, key: K, receiver: &'a Receiver<T>) {
        self.sources.push((key, Source::Receiver(receiver.end())));
    }

    /// Waits for this too: a child has ended; a pipe, socket, connection or listener can be read
    /// from.
    pub fn add(&mut self, key: K, source: &'a impl AsFd) {
        self.sources.push((key, Source::Descriptor(source.as_fd())));
    }

    /// Waits for these jobs too: each that was sent is done or lost, so that
    /// [`join`](Joinable::join) does not wait.
    ///
    /// ```
    /// use procession::{Job, Joinable, Process, Receiver, Select};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (sender, receiver) = procession::channel()?;
    /// let work = |jobs: Receiver<Job<u32>>| jobs.iter().flatten().for_each(|job| drop(job.done()));
    /// let worker = Process::new(work, (receiver,)).start()?;
    /// let mut jobs = Joinable::new(sender);
    /// for number in 0..10 {
    ///     jobs.send(number)?;
    /// }
    /// let mut select = Select::new();
    /// select.jobs("jobs", &jobs);
    /// select.add("worker", &worker);
    /// assert_eq!(select.wait()?, "jobs");
    /// assert!(jobs.join()?.is_empty());
    /// # drop(jobs);
    /// # worker.join()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn jobs<T>(&mut self, key: K, jobs: &'a Joinable<T>) {
        self.sources.push((key, Source::Jobs(jobs.outstanding())));
    }

    /// Waits until one is ready; gives its key.
    ///
    /// # Errors
    /// `InvalidInput` where there is none to wait for; as `poll(2)`; as
    /// [`RecvError::Broken`](crate::channel::RecvError::Broken).
    pub fn wait(&self) -> io::Result<K> {
        self.check()?;
        self.until(None)?.ok_or_else(|| io::ErrorKind::TimedOut.into())
    }

    /// As [`wait`](Self::wait), at most `timeout`; `None` if none is ready then.
    ///
    /// # Errors
    /// As [`wait`](Self::wait); nothing to wait for is none.
    pub fn wait_timeout(&self, timeout: Duration) -> io::Result<Option<K>> {
        // A time beyond the clock's end is no limit.
        self.until(Instant::now().checked_add(timeout))
    }

    /// As [`wait_timeout`](Self::wait_timeout), until a moment.
    ///
    /// # Errors
    /// As [`wait_timeout`](Self::wait_timeout).
    pub fn wait_deadline(&self, deadline: Instant) -> io::Result<Option<K>> {
        self.until(Some(deadline))
    }

    /// Whether there is something to wait for.
    fn check(&self) -> io::Result<()> {
        if self.sources.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "nothing to wait for"));
        }
        Ok(())
    }

    fn until(&self, deadline: Option<Instant>) -> io::Result<Option<K>> {
        let mut locked = vec![false; self.sources.len()];
        loop {
            let some_locked = locked.contains(&true);
            let again = some_locked.then(|| Instant::now() + AGAIN);
            let ready = self.poll(&self.lists()?, &locked, earlier(deadline, again))?;
            let patience = || {
                let brief = Some(Instant::now() + BRIEF);
                earlier(deadline, brief).map_or(Wait::Briefly, Wait::Until)
            };
            if let Some(key) = self.look(&ready, &mut locked, patience)? {
                return Ok(Some(key));
            }
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok(None);
            }
            if !ready.contains(&true) {
                locked.fill(false);
            }
        }
    }

    /// Looks closer at the sources whose descriptors are ready; gives the key of one that is ready, and
    /// notes those whose locks are held.
    fn look(
        &self,
        ready: &[bool],
        locked: &mut [bool],
        patience: impl Fn() -> Wait,
    ) -> io::Result<Option<K>> {
        let (count, next) = (ready.len(), self.next.load(Ordering::Relaxed));
        let turns = (0..count).map(|turn| (next + turn) % count);
        for number in turns.filter(|&number| ready[number]) {
            let (key, source) = &self.sources[number];
            match source.look(patience())? {
                State::Ready => {
                    self.next.store(number + 1, Ordering::Relaxed);
                    return Ok(Some(key.clone()));
                }
                State::Locked => locked[number] = true,
                State::NotReady => {}
            }
        }
        Ok(None)
    }

    /// The lists of jobs, which are shared with who made them; none for other sources.
    fn lists(&self) -> io::Result<Vec<Option<Arc<List>>>> {
        let list = |(_, source): &(K, Source<'a>)| match source {
            Source::Jobs(jobs) => jobs.unfinished_list(),
            _ => Ok(None),
        };
        self.sources.iter().map(list).collect()
    }

    /// The descriptors to wait for, each with the number of its source, of those that are not locked;
    /// none for jobs of which nothing is left.
    fn descriptors<'b>(
        &'b self,
        lists: &'b [Option<Arc<List>>],
        locked: &[bool],
    ) -> Vec<(usize, Option<BorrowedFd<'b>>)> {
        let unlocked = (0..self.sources.len()).filter(|&number| !locked[number]);
        let descriptor = |number: usize| match &self.sources[number].1 {
            Source::Descriptor(descriptor) => Some(*descriptor),
            Source::Receiver(receiving) => Some(receiving.descriptor()),
            Source::Jobs(_) => lists[number].as_ref().map(|list| list.as_fd()),
        };
        unlocked.map(|number| (number, descriptor(number))).collect()
    }

    /// Waits until a source's descriptor is ready, of those that are not locked; which of them are.
    fn poll(
        &self,
        lists: &[Option<Arc<List>>],
        locked: &[bool],
        deadline: Option<Instant>,
    ) -> io::Result<Vec<bool>> {
        let mut ready = vec![false; self.sources.len()];
        let mut waited = Vec::new();
        for (number, descriptor) in self.descriptors(lists, locked) {
            match descriptor {
                Some(descriptor) => waited.push((number, (descriptor, Interest::Readable))),
                None => ready[number] = true,
            }
        }
        let deadline = if ready.contains(&true) { Some(Instant::now()) } else { deadline };
        let (numbers, descriptors): (Vec<_>, Vec<_>) = waited.into_iter().unzip();
        for (number, is_ready) in numbers.into_iter().zip(wait::ready(&descriptors, deadline)?) {
            ready[number] |= is_ready;
        }
        Ok(ready)
    }
}

/// The earlier of two moments, either of which may be none.
fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}

impl<K: Clone> Default for Select<'_, K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K> fmt::Debug for Select<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Select").field("sources", &self.sources.len()).finish_non_exhaustive()
    }
}
