//! Memory that carries long messages, one after the other.
//!
//! In: bytes at a [`Lender`]. Out: a [`Loan`], whose memory crosses, and on the other side, from a
//! [`Borrower`], the [`Borrowed`] bytes, to be copied. What always holds: memory is written again
//! only when its bytes were copied, or nobody ever got them. What was lent to somebody who died
//! stays lent, and other memory takes its place.
//!
//! Fresh memory costs several times what copying into it costs, at both sides: so the lender keeps
//! what it lent, and the borrower keeps its mapping. Both keep at most [`MOST`] pieces of
//! [`MOST_BYTES`] together.

use procession_sys::descriptor;
use procession_sys::fault;
use procession_sys::fault::stands;
use procession_sys::per_process::try_lock;
use procession_sys::shared::Shared;
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How many pieces of memory a side keeps at most; each is an open file.
const MOST: usize = 8;
/// How much memory a side keeps at most: that of a message of 64 MiB.
const MOST_BYTES: usize = (64 << 20) + GRAIN;
/// Memory is made in multiples of this, 64 KiB, so that it fits messages a little longer too.
const GRAIN: usize = 64 << 10;

const PAGE: usize = 4 << 10;
/// What a fresh page costs the kernel, and both sides in faults.
const FRESH_PAGE: Duration = Duration::from_nanos(400);
/// How long a sender waits at most for memory to come back.
const LONGEST: Duration = Duration::from_millis(5);

// Places in the memory, in bytes.
const STATE: usize = 0;
const LENGTH: usize = 8;
const BYTES: usize = 64;

/// Nobody reads it: whoever exchanges this for `LENT` may write.
const FREE: u32 = 0;
const LENT: u32 = 1;

/// One piece of memory.
#[derive(Clone, Debug)]
struct Piece {
    memory: Arc<Shared>,
    /// Up to where it was written at least once, so that the kernel has memory for it.
    filled: usize,
}

impl Piece {
    /// Fresh memory, which is lent to whoever comes to know of it.
    fn new(length: usize) -> io::Result<Self> {
        let exact = BYTES + length;
        let rounded = exact.checked_next_multiple_of(GRAIN).unwrap_or(exact);
        // Above a limit on files the exact size may be allowed yet.
        let memory = Shared::new(rounded).or_else(|_| Shared::new(exact))?;
        memory.fill(0, &[0; BYTES])?;
        state(&memory).store(LENT, Ordering::Relaxed);
        Ok(Self { memory: Arc::new(memory), filled: BYTES })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        length(&self.memory).store(bytes.len() as u64, Ordering::Relaxed);
        let (known, fresh) = bytes.split_at(bytes.len().min(self.filled - BYTES));
        self.memory.store(BYTES, known);
        self.memory.fill(BYTES + known.len(), fresh)?;
        self.filled = self.filled.max(BYTES + bytes.len());
        Ok(())
    }

    /// Takes it if nobody reads it. Whoever else keeps the same memory, as a forked process does,
    /// does not get it then.
    fn take(&self) -> bool {
        let (success, failure) = (Ordering::Acquire, Ordering::Relaxed);
        state(&self.memory).compare_exchange(FREE, LENT, success, failure).is_ok()
    }

    fn give_back(&self) {
        state(&self.memory).store(FREE, Ordering::Release);
    }
}

fn state(memory: &Shared) -> &AtomicU32 {
    &memory.half_words()[STATE / 4]
}

fn length(memory: &Shared) -> &AtomicU64 {
    &memory.words()[LENGTH / 8]
}

/// Keeps what fits, forgetting what was kept the longest. While another thread looks at what is
/// kept, which a copy of the process may lack, `new` is not kept.
fn keep<T>(kept: &Mutex<Vec<T>>, new: T, size: impl Fn(&T) -> usize) {
    let Some(mut kept) = try_lock(kept) else { return };
    kept.push(new);
    let mut bytes: usize = kept.iter().map(&size).sum();
    while kept.len() > MOST || bytes > MOST_BYTES {
        bytes -= size(&kept.remove(0));
    }
}

/// A sending end's memory for long messages.
#[derive(Debug, Default)]
pub(super) struct Lender {
    /// What was lent last is last.
    kept: Mutex<Vec<Piece>>,
}

impl Lender {
    pub(super) fn lend(&self, bytes: &[u8]) -> io::Result<Loan<'_>> {
        let piece = match self.wait(BYTES + bytes.len()) {
            Some(piece) => piece,
            None => Piece::new(bytes.len())?,
        };
        let mut loan = Loan { lender: self, piece, delivered: false };
        loan.piece.write(bytes)?;
        fault!("loan.written");
        Ok(loan)
    }

    /// As [`take`](Self::take). Where as much is lent as is kept, receivers get some time to give
    /// some back. Fresh memory would have to be mapped by them too, which makes them the slower, so
    /// that they would never catch up again.
    fn wait(&self, size: usize) -> Option<Piece> {
        let fresh = FRESH_PAGE.saturating_mul(u32::try_from(size / PAGE).unwrap_or(u32::MAX));
        let patience = fresh.saturating_mul(4).min(LONGEST);
        let start = Instant::now();
        loop {
            let taken = self.take(size);
            if taken.is_some() || !self.is_full(size) || start.elapsed() > patience {
                return taken;
            }
            std::thread::yield_now();
        }
    }

    /// Whether more of this size would have something forgotten.
    fn is_full(&self, size: usize) -> bool {
        let Some(kept) = try_lock(&self.kept) else { return false };
        let bytes: usize = kept.iter().map(|piece| piece.memory.len()).sum();
        kept.len() == MOST || bytes + size > MOST_BYTES
    }

    /// The smallest memory that has so many bytes and is free.
    fn take(&self, size: usize) -> Option<Piece> {
        let mut kept = try_lock(&self.kept)?;
        let fitting = kept.iter().enumerate().filter(|(_, piece)| piece.memory.len() >= size);
        let is_free = |piece: &Piece| {
            state(&piece.memory).load(Ordering::Relaxed) == FREE || !stands("memory-given-back")
        };
        let free = fitting.filter(|(_, piece)| is_free(piece));
        let (index, piece) = free.min_by_key(|(_, piece)| piece.memory.len())?;
        (piece.take() || !stands("memory-given-back")).then(|| kept.remove(index))
    }
}

/// Memory with a message, before it is under way.
#[derive(Debug)]
pub(super) struct Loan<'a> {
    lender: &'a Lender,
    piece: Piece,
    delivered: bool,
}

impl Loan<'_> {
    /// How many bytes the message has.
    pub(super) fn len(&self) -> u64 {
        length(&self.piece.memory).load(Ordering::Relaxed)
    }

    /// Somebody may receive it now.
    pub(super) fn deliver(&mut self) {
        self.delivered = true;
    }
}

impl AsFd for Loan<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.piece.memory.as_fd()
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        if !self.delivered {
            self.piece.give_back();
        }
        keep(&self.lender.kept, self.piece.clone(), |piece| piece.memory.len());
    }
}

/// A receiving end's mappings of what it was lent.
#[derive(Debug, Default)]
pub(super) struct Borrower {
    kept: Mutex<Vec<(descriptor::Identity, Arc<Shared>)>>,
}

impl Borrower {
    /// The message in memory that came from a sender.
    pub(super) fn borrow(&self, descriptor: OwnedFd) -> io::Result<Borrowed> {
        let identity = descriptor::identity(descriptor.as_fd())?;
        let known = try_lock(&self.kept).and_then(|mut kept| {
            let index = kept.iter().position(|(known, _)| *known == identity)?;
            Some(kept.remove(index).1)
        });
        let memory = match known {
            Some(memory) => memory,
            None => Arc::new(Shared::adopt(descriptor)?),
        };
        keep(&self.kept, (identity, Arc::clone(&memory)), |(_, memory)| memory.len());
        let invalid = || io::Error::new(io::ErrorKind::InvalidData, "memory without a message");
        let room = memory.len().checked_sub(BYTES).ok_or_else(invalid)?;
        let length = usize::try_from(length(&memory).load(Ordering::Relaxed));
        let length = length.ok().filter(|&length| length <= room).ok_or_else(invalid)?;
        // A hole has no bytes that anybody wrote, so nobody's memory is spent on one.
        if memory.allocated()? < length as u64 {
            return Err(invalid());
        }
        fault!("loan.borrowed");
        Ok(Borrowed { memory, length })
    }
}

/// A message in a sender's memory, which gets it back when this is dropped.
#[derive(Debug)]
pub(super) struct Borrowed {
    memory: Arc<Shared>,
    length: usize,
}

impl Borrowed {
    /// Where the bytes are; copied out only, for the sender's process can write them.
    pub(super) fn memory(&self) -> &Shared {
        &self.memory
    }

    /// Which bytes of the memory they are.
    pub(super) fn range(&self) -> Range<usize> {
        BYTES..BYTES + self.length
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        state(&self.memory).store(FREE, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deliver(mut loan: Loan<'_>) -> OwnedFd {
        loan.deliver();
        loan.as_fd().try_clone_to_owned().expect("a duplicate")
    }

    fn read(borrowed: &Borrowed) -> Vec<u8> {
        let mut bytes = vec![0; borrowed.range().len()];
        borrowed.memory().load(borrowed.range().start, &mut bytes);
        bytes
    }

    #[test]
    fn memory_carries_the_next_message_once_it_was_given_back_and_not_before() {
        let (lender, borrower) = (Lender::default(), Borrower::default());
        let which = |memory: &OwnedFd| descriptor::identity(memory.as_fd()).expect("fstat");
        let first = deliver(lender.lend(b"the first").expect("memory"));
        let place = which(&first);
        let message = borrower.borrow(first).expect("a message");
        let second = deliver(lender.lend(&[2; 10_000]).expect("memory"));
        assert_ne!(which(&second), place, "the first is being read");
        assert_eq!(read(&message), b"the first");
        drop(message);
        let third = deliver(lender.lend(b"3").expect("memory"));
        assert_eq!(which(&third), place);
        let (third, second) = (borrower.borrow(third), borrower.borrow(second));
        assert_eq!(read(&third.expect("a message")), b"3");
        assert_eq!(read(&second.expect("a message")), [2; 10_000]);
    }

    #[test]
    fn a_longer_message_fits_the_same_memory_up_to_its_end() {
        let (lender, borrower) = (Lender::default(), Borrower::default());
        for length in [2_000, 60_000, 0, GRAIN - BYTES, 3_000] {
            let sent: Vec<u8> = (0_u8..251).cycle().take(length).collect();
            let memory = deliver(lender.lend(&sent).expect("memory"));
            assert_eq!(read(&borrower.borrow(memory).expect("a message")), sent);
        }
        assert_eq!(
            (lender.kept.lock().expect("kept").len(), borrower.kept.lock().expect("kept").len()),
            (1, 1)
        );
    }

    #[test]
    fn what_nobody_got_is_free_and_what_the_dead_have_is_forgotten() {
        let lender = Lender::default();
        drop(lender.lend(&[1; 5_000]).expect("memory"));
        let kept = lender.kept.lock().expect("kept").clone();
        assert!(kept.len() == 1 && kept[0].take(), "never delivered");
        // Nobody gives back any of these.
        for _ in 0..3 * MOST {
            deliver(lender.lend(&[2; 5_000]).expect("memory"));
        }
        let lent = |piece: &Piece| state(&piece.memory).load(Ordering::Relaxed) == LENT;
        let kept = lender.kept.lock().expect("kept");
        assert!(kept.len() == MOST && kept.iter().all(lent), "{} kept", kept.len());
    }

    #[test]
    fn what_is_too_large_to_be_kept_is_not_kept() {
        let lender = Lender::default();
        let small = deliver(lender.lend(&[1; 5_000]).expect("memory"));
        drop(lender.lend(&vec![2; MOST_BYTES]).expect("memory"));
        assert!(lender.kept.lock().expect("kept").is_empty());
        assert_eq!(read(&Borrower::default().borrow(small).expect("a message")), [1; 5_000]);
    }

    #[test]
    fn memory_without_a_message_is_refused() {
        let borrower = Borrower::default();
        let copy = |memory: &Shared| memory.as_fd().try_clone_to_owned().expect("a duplicate");
        let small = Shared::new(10).expect("memory");
        let (long, hole) =
            (Shared::new(4096).expect("memory"), Shared::new(1 << 30).expect("memory"));
        length(&long).store(4096, Ordering::Relaxed);
        length(&hole).store(1 << 29, Ordering::Relaxed);
        for memory in [small, long, hole] {
            let error = borrower.borrow(copy(&memory)).expect_err("no message");
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
        let null = descriptor::dev_null().expect("null");
        borrower.borrow(null).expect_err("no memory");
    }
}
