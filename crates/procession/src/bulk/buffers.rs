//! Memory that long arguments travel in, kept for the arguments after them.
//!
//! In a process that starts others: [`lend`] writes bytes to memory and gives a descriptor of it,
//! which crosses to the child. In the child: [`Borrowed`] has the bytes, to be copied out; then the
//! child's value may be written over them, and the same descriptor crosses back. The parent keeps
//! the memory and fills it again, once the kernel has proved that no process can have it any more
//! ([`Reusable`] says how, and lists who can).
//!
//! # Invariants
//! - Memory is written again only after that proof. It takes no word of a child: a child that was
//!   killed, or left descendants that have the memory, only keeps it from being used again.
//! - At most [`MOST`] pieces of [`MOST_BYTES`] together are kept, whatever the children do.
//! - Only the process that made a piece lends it. A copy of it, made by `fork` ([`Process::fork`]
//!   included), has the same open file description, which the proof cannot see. So what is kept is
//!   [`PerProcess`]: the copy never touches what it inherited, neither memory nor descriptors, and
//!   makes its own. A thread that was writing at the fork is not in the copy, so nothing there goes
//!   on writing. What a copy inherits of arguments on their way has a description of its own: the
//!   proof sees it.
//! - Only the process that received arguments writes its value there: not a copy that its function
//!   makes of it, whose value nobody is sent; and no process of a plan that has been cloned, whose
//!   other processes read the same memory.
//!
//! [`Process::fork`]: crate::Process::fork

use procession_sys::descriptor::{self, Identity};
use procession_sys::fault;
use procession_sys::fault::stands;
use procession_sys::per_process::PerProcess;
use procession_sys::reusable::Reusable;
use procession_sys::shared::Shared;
use procession_sys::thread::{self, Mark};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many pieces of memory a process keeps at most; each is an open file.
const MOST: usize = 8;
/// How much memory a process keeps at most.
const MOST_BYTES: usize = 64 << 20;
/// Memory is made in multiples of this, 64 KiB, so that it fits arguments a little longer too.
const GRAIN: usize = 64 << 10;

/// The most recently used last.
type Kept = Vec<Arc<Reusable>>;

static KEPT: PerProcess<Mutex<Kept>> = PerProcess::new(Mutex::default);

/// What this process keeps; `None` where a copy of it could not be told from it.
fn kept() -> Option<MutexGuard<'static, Kept>> {
    // Without a mark (before Linux 4.14) a process is known by its number alone, which a copy in
    // another namespace, or a later process, may have too.
    thread::mark()?;
    Some(KEPT.get().lock().unwrap_or_else(PoisonError::into_inner))
}

/// Writes `bytes` to memory for another process; gives the descriptor that crosses.
///
/// # Errors
/// Where there is no memory of this kind: as [`Reusable::new`].
pub(crate) fn lend(bytes: &[u8]) -> io::Result<OwnedFd> {
    let free = kept().and_then(|mut kept| take(&mut kept, bytes.len()));
    fault!("lend.proved");
    let mut piece = match free {
        Some(piece) => piece,
        None => fresh(bytes.len())?,
    };
    // From here on the proof fails for whoever else could try it.
    let crossing = piece.open()?;
    piece.write(bytes)?;
    fault!("lend.written");
    let forgotten = kept().map(|mut kept| keep(&mut kept, Arc::new(piece)));
    // Gives memory back to the kernel, which takes its time: not under the lock.
    drop(forgotten);
    Ok(crossing)
}

fn fresh(length: usize) -> io::Result<Reusable> {
    let rounded = length.checked_next_multiple_of(GRAIN).unwrap_or(length);
    // Above a limit on files the exact size may be allowed yet.
    Reusable::new(rounded).or_else(|_| Reusable::new(length))
}

/// Takes out the smallest memory that has so many bytes and is free.
fn take(kept: &mut Kept, size: usize) -> Option<Reusable> {
    let mut fitting: Vec<usize> =
        (0..kept.len()).filter(|&index| kept[index].len() >= size).collect();
    fitting.sort_by_key(|&index| kept[index].len());
    let free = fitting.into_iter().find(|&index| kept[index].is_free())?;
    // A thread that reads from it still has a descriptor beside, so it is not free.
    Arc::into_inner(kept.remove(free))
}

/// Keeps what fits; gives what is forgotten, that which has not been used for the longest time.
/// Memory that a child still has goes back to the kernel when that child has ended.
fn keep(kept: &mut Kept, piece: Arc<Reusable>) -> Vec<Arc<Reusable>> {
    kept.push(piece);
    let mut bytes: usize = kept.iter().map(|piece| piece.len()).sum();
    let mut forgotten = 0;
    while kept.len() - forgotten > MOST || bytes > MOST_BYTES {
        bytes -= kept[forgotten].len();
        forgotten += 1;
    }
    kept.drain(..forgotten).collect()
}

/// Bytes in memory that another process wrote, and may write still.
#[derive(Debug)]
pub struct Borrowed {
    place: Place,
    length: usize,
}

#[derive(Debug)]
enum Place {
    /// This process made the memory and has it mapped. What came is a second description of it,
    /// closed after the mapping was last used.
    Kept { memory: Arc<Reusable>, _received: OwnedFd },
    /// Another process made it.
    Received(Received),
}

/// Memory of another process, for this one to read and then to write.
#[derive(Debug)]
struct Received {
    /// Always there, but in `drop`.
    memory: Option<Shared>,
    identity: Identity,
    owner: Option<Mark>,
}

impl Borrowed {
    /// The first `length` bytes of the memory that came as `descriptor`.
    ///
    /// # Errors
    /// `InvalidData` where it is no memory whose length is fixed, or has fewer bytes; as `mmap(2)`.
    pub(crate) fn new(descriptor: OwnedFd, length: usize) -> io::Result<Self> {
        let identity = descriptor::identity(descriptor.as_fd())?;
        let same = |piece: &&Arc<Reusable>| piece.identity() == identity;
        let kept = kept().and_then(|kept| kept.iter().find(same).map(Arc::clone));
        let place = if let Some(memory) = kept {
            Place::Kept { memory, _received: descriptor }
        } else {
            let memory = Some(Shared::adopt(descriptor)?);
            Place::Received(Received { memory, identity, owner: thread::mark() })
        };
        let borrowed = Self { place, length };
        let memory = borrowed.memory();
        // A hole has no bytes that anybody wrote, so no memory is spent on one.
        if memory.len() < length || memory.allocated()? < length as u64 {
            let text = "memory with fewer bytes than its sender says";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(borrowed)
    }

    /// Where the bytes are; copied out only, for other processes can write them.
    pub(crate) fn memory(&self) -> &Shared {
        match &self.place {
            Place::Kept { memory, .. } => memory.memory(),
            Place::Received(received) => received.memory(),
        }
    }

    /// How many bytes there are, from the memory's beginning.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Writes `bytes` over what was there, for the process that it came from; gives the descriptor
    /// that crosses back. `None` where the memory cannot be used for that.
    pub(crate) fn answer(self, bytes: &[u8]) -> Option<OwnedFd> {
        match self.place {
            Place::Kept { .. } => None,
            Place::Received(received) => received.write(bytes),
        }
    }
}

impl Received {
    fn memory(&self) -> &Shared {
        self.memory.as_ref().expect("it is taken out in `drop` alone")
    }

    fn write(&self, bytes: &[u8]) -> Option<OwnedFd> {
        let memory = self.memory();
        let is_own = self.owner.is_some() && self.owner == thread::mark();
        if !is_own && stands("answer-owner") {
            return None;
        }
        // A page that was never written would be taken from the kernel by the store itself, which
        // ends the process where there is none.
        let has_pages = memory.allocated().is_ok_and(|there| bytes.len() as u64 <= there);
        if bytes.len() > memory.len() || !has_pages {
            return None;
        }
        let (first, second) = bytes.split_at(bytes.len() / 2);
        memory.store(0, first);
        fault!("answer.half");
        memory.store(first.len(), second);
        fault!("answer.written");
        if !self.is_open() && stands("answer-identity") {
            return None;
        }
        memory.as_fd().try_clone_to_owned().ok()
    }

    /// Whether the descriptor is still this memory's: a function may have closed everything above
    /// the standard streams, and opened files of its own.
    fn is_open(&self) -> bool {
        descriptor::identity(self.memory().as_fd()).is_ok_and(|found| found == self.identity)
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        let is_open = self.is_open();
        let memory = self.memory.take();
        if !is_open {
            // Closing the number would close another file. The mapping ends with this process.
            std::mem::forget(memory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn read(borrowed: &Borrowed) -> Vec<u8> {
        let mut bytes = vec![0; borrowed.len()];
        borrowed.memory().load(0, &mut bytes);
        bytes
    }

    fn piece(bytes: &[u8]) -> Reusable {
        let mut piece = fresh(bytes.len()).expect("memory");
        piece.write(bytes).expect("room");
        piece
    }

    /// Waits until it is free: a process that another test of this program starts has what this
    /// process had at that moment, until it runs its program.
    fn wait_until_free(piece: &Reusable) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !piece.is_free() {
            assert!(Instant::now() < deadline, "something has it open");
            std::thread::yield_now();
        }
    }

    fn wait_until_all_are_free(kept: &Kept) {
        for piece in kept {
            wait_until_free(piece);
        }
    }

    #[test]
    fn the_smallest_memory_that_is_free_is_taken_and_no_other() {
        let mut kept: Vec<_> =
            [4, 1, 2].map(|grains| Arc::new(piece(&vec![1; grains * GRAIN]))).into();
        let [large, small, middle] = [0, 1, 2].map(|index| kept[index].identity());
        wait_until_all_are_free(&kept);
        let there = kept[1].open().expect("a descriptor");
        let taken = take(&mut kept, 1000).expect("the next larger one");
        assert_eq!(taken.identity(), middle, "the smallest is not free");
        drop(there);
        wait_until_all_are_free(&kept);
        assert_eq!(take(&mut kept, 1000).expect("free by now").identity(), small);
        assert_eq!(take(&mut kept, 1000).expect("the last").identity(), large);
        assert!(take(&mut kept, 1000).is_none() && kept.is_empty());
        keep(&mut kept, Arc::new(taken));
        assert!(take(&mut kept, 3 * GRAIN).is_none(), "too small");
    }

    #[test]
    fn what_is_kept_is_bounded_in_number_and_size() {
        let mut kept = Vec::new();
        for _ in 0..2 * MOST {
            keep(&mut kept, Arc::new(fresh(1).expect("memory")));
        }
        assert_eq!(kept.len(), MOST);
        keep(&mut kept, Arc::new(fresh(MOST_BYTES - GRAIN).expect("memory")));
        assert_eq!(kept.len(), 2);
        keep(&mut kept, Arc::new(fresh(MOST_BYTES + 1).expect("memory")));
        assert!(kept.is_empty(), "too large");
    }

    #[test]
    fn what_was_lent_is_read_and_answered_in_the_same_memory() {
        let piece = piece(&[1; 5000]);
        let descriptor = piece.open().expect("a descriptor");
        let borrowed = Borrowed::new(descriptor, 5000).expect("bytes");
        assert_eq!(read(&borrowed), [1; 5000]);
        let back = borrowed.answer(&[2; 4000]).expect("room");
        assert_eq!(descriptor::identity(back.as_fd()).expect("fstat"), piece.identity());
        let answer = Borrowed::new(back, 4000).expect("bytes");
        assert_eq!(read(&answer), [2; 4000]);
        assert!(!piece.is_free(), "the answer is being read");
        drop(answer);
        wait_until_free(&piece);
    }

    #[test]
    fn an_answer_that_does_not_fit_what_was_written_is_no_answer() {
        let piece = piece(&[1; 5000]);
        let borrow = || Borrowed::new(piece.open().expect("a descriptor"), 5000).expect("bytes");
        assert!(borrow().answer(&[2; 8192]).is_some(), "two pages were written");
        assert!(borrow().answer(&[2; 8193]).is_none(), "beyond what was written");
        assert!(borrow().answer(&vec![2; GRAIN + 1]).is_none(), "beyond the end");
    }

    #[test]
    fn memory_with_fewer_bytes_than_is_said_is_refused() {
        let piece = piece(&[1; 5000]);
        let beyond = [8193, GRAIN + 1, usize::MAX];
        for length in beyond {
            let descriptor = piece.open().expect("a descriptor");
            let error = Borrowed::new(descriptor, length).expect_err("fewer");
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{length}");
        }
        let null = descriptor::dev_null().expect("null");
        Borrowed::new(null, 0).expect_err("no memory");
    }
}
