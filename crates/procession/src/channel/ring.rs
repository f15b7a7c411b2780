//! The shared memory of a channel: where everything lies, and its records.
//!
//! In: memory, new or from another process. Out: cursors, records, the two locks and the words
//! beside them. What always holds: every length and position that is read here is checked against
//! the memory before it is used, for any process that has the channel may have written it.

use super::cursor::Cursor;
use procession_sys::cpu;
use procession_sys::robust::{Guard, Lock};
use procession_sys::shared::Shared;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

/// The first word: "procchan", version 1.
const MAGIC: u64 = u64::from_le_bytes(*b"procchn1");

// Places in words of eight bytes. What different processes write at the same time lies in lines of
// its own, 128 bytes, as processors fetch lines in pairs.
const LINE: usize = 16;
const SHAPE: usize = 1;
const DEPARTURES: usize = 2;
const TAIL: usize = LINE;
const SENDING: usize = 2 * LINE;
const HEAD: usize = 3 * LINE;
const RECEIVING: usize = 4 * LINE;
// Who waits asks where the other side runs, so that stands apart from the lock that it works with.
const SENDING_CPU: usize = 5 * LINE;
const RECEIVING_CPU: usize = 6 * LINE;
const RECORDS: usize = 7 * LINE;

/// How far before the writing memory is fetched, in words: the lines that lie 256 and 320 bytes
/// ahead, a few short messages.
const AHEAD: [u32; 2] = [32, 40];

/// Room for records: 256 KiB, which stays in a processor's cache.
const DEFAULT_WORDS: u32 = 1 << 15;
/// The smallest room that is believed: a quarter of it is a record of an annexed message.
const LEAST_WORDS: u32 = 8;
/// The largest room that is believed: 1 GiB, half of what a cursor counts.
const MOST_WORDS: u32 = 1 << 27;
/// How many messages may be in the annex at once: so few that they always fit its socket's buffer,
/// 208 KiB by default (`net.core.wmem_default`), of which each takes 3 at most.
const MOST_ANNEXED: u8 = 32;

/// What stands in the ring for one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Record<'a> {
    /// The message.
    Whole(&'a [u8]),
    /// The number of the parcel in the annex that is the message.
    Annexed(u64),
}

/// A record's first word has the length of the message in its lower half, this in its upper.
const WHOLE: u32 = 1;
const ANNEXED: u32 = 2;

impl Record<'_> {
    fn words(&self) -> u32 {
        let rest = match self {
            Self::Whole(bytes) => bytes.len().div_ceil(8),
            Self::Annexed(_) => 1,
        };
        u32::try_from(rest + 1).unwrap_or(u32::MAX)
    }
}

/// One side's words beside its lock; written by whoever holds it.
pub(super) struct Side<'a> {
    lock: Lock<'a>,
    /// 1 when the other side's bell is to be rung: somebody may sleep.
    pub(super) armed: &'a AtomicU32,
    /// Where the last holder ran.
    pub(super) cpu: &'a AtomicU32,
    /// What was last seen of the other side's cursor.
    seen: &'a AtomicU64,
    /// The number of the last parcel that was put into the annex.
    pub(super) annexed: &'a AtomicU64,
}

impl<'a> Side<'a> {
    pub(super) fn lock(&self, deadline: Option<Instant>) -> io::Result<Guard<'a>> {
        self.lock.lock(deadline)
    }

    /// Leaves word of where this thread runs.
    pub(super) fn note_cpu(&self) {
        let cpu = cpu::current();
        if self.cpu.load(Ordering::Relaxed) != cpu {
            self.cpu.store(cpu, Ordering::Relaxed);
        }
    }
}

/// The memory, its shape as it was when it was checked.
#[derive(Debug)]
pub(super) struct Ring {
    memory: Shared,
    capacity: u32,
    limit: u32,
}

impl Ring {
    /// A new ring that holds at most `limit` messages.
    pub(super) fn new(limit: u32) -> io::Result<Self> {
        let words = RECORDS + DEFAULT_WORDS as usize;
        let memory = Shared::new(words * size_of::<u64>())?;
        let ring = Self { memory, capacity: DEFAULT_WORDS, limit };
        let shape = u64::from(limit) << 32 | u64::from(DEFAULT_WORDS);
        ring.word(SHAPE).store(shape, Ordering::Relaxed);
        ring.sending().armed.store(1, Ordering::Relaxed);
        ring.word(0).store(MAGIC, Ordering::Release);
        Ok(ring)
    }

    /// The ring in memory that came from another process.
    pub(super) fn adopt(descriptor: OwnedFd) -> io::Result<Self> {
        let invalid = || io::Error::new(io::ErrorKind::InvalidData, "not the memory of a channel");
        let memory = Shared::adopt(descriptor)?;
        let [magic, shape] = match memory.words() {
            [magic, shape, ..] => [magic, shape].map(|word| word.load(Ordering::Acquire)),
            _ => return Err(invalid()),
        };
        let (capacity, limit) = halves(shape);
        let sound = magic == MAGIC
            && capacity.is_power_of_two()
            && (LEAST_WORDS..=MOST_WORDS).contains(&capacity)
            && limit > 0
            && memory.words().len() >= RECORDS + capacity as usize;
        if sound { Ok(Self { memory, capacity, limit }) } else { Err(invalid()) }
    }

    pub(super) fn memory(&self) -> BorrowedFd<'_> {
        self.memory.as_fd()
    }

    /// How many messages fit at most; none where only their size limits them.
    pub(super) fn limit(&self) -> Option<u32> {
        (self.limit < u32::MAX).then_some(self.limit)
    }

    /// The longest message that is put into the ring itself.
    pub(super) fn longest(&self) -> usize {
        (self.longest_record() as usize - 1) * size_of::<u64>()
    }

    /// A quarter of the ring. The channel is full when no such record fits any more: the same for
    /// every sender, whatever it has to send (README.md needs that).
    fn longest_record(&self) -> u32 {
        self.capacity / 4
    }

    /// How many messages are under way.
    pub(super) fn len(&self) -> usize {
        let head = self.head();
        let messages = self.tail().since(head).messages;
        messages.min(self.capacity) as usize
    }

    fn word(&self, index: usize) -> &AtomicU64 {
        &self.memory.words()[index]
    }

    /// How often a receiver has left.
    pub(super) fn departures(&self) -> &AtomicU32 {
        &self.memory.half_words()[2 * DEPARTURES]
    }

    /// What senders share.
    pub(super) fn sending(&self) -> Side<'_> {
        self.side(SENDING, SENDING_CPU)
    }

    /// What receivers share.
    pub(super) fn receiving(&self) -> Side<'_> {
        self.side(RECEIVING, RECEIVING_CPU)
    }

    #[inline]
    fn side(&self, line: usize, cpu: usize) -> Side<'_> {
        let halves = &self.memory.half_words()[2 * line..][..3];
        let words = &self.memory.words()[line + 2..][..2];
        Side {
            lock: Lock::new(&halves[0], &halves[1]),
            armed: &halves[2],
            cpu: &self.memory.half_words()[2 * cpu],
            seen: &words[0],
            annexed: &words[1],
        }
    }

    /// How far the senders have come.
    pub(super) fn tail(&self) -> Cursor {
        Cursor::from_word(self.word(TAIL).load(Ordering::Acquire))
    }

    /// Publishes everything up to `tail`. By the holder of the senders' lock.
    pub(super) fn set_tail(&self, tail: Cursor) {
        self.word(TAIL).store(tail.to_word(), Ordering::Release);
    }

    /// How far the receivers have come.
    pub(super) fn head(&self) -> Cursor {
        Cursor::from_word(self.word(HEAD).load(Ordering::Acquire))
    }

    /// Gives everything up to `head` free. By the holder of the receivers' lock.
    pub(super) fn set_head(&self, head: Cursor) {
        self.word(HEAD).store(head.to_word(), Ordering::Release);
    }

    /// Has the processor fetch what the next messages will be written to, while they are encoded.
    /// The receivers' processors have it from their last round; taking it from them at the moment
    /// of writing would take the longest of all.
    pub(super) fn expect_write(&self) {
        let tail = self.word(TAIL);
        let place = Cursor::from_word(tail.load(Ordering::Relaxed)).place;
        for ahead in AHEAD {
            cpu::expect_write(&self.parts(place.wrapping_add(ahead), 1)[0][0]);
        }
        cpu::expect_write(tail);
    }

    /// Whether nothing is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.head() == self.tail()
    }

    /// Whether any record fits behind `tail`; if not, how far the receivers had come then. By the
    /// holder of the senders' lock.
    pub(super) fn room(&self, side: &Side<'_>, tail: Cursor) -> io::Result<Result<(), Cursor>> {
        let seen = side.seen;
        if self.fits(tail.since(Cursor::from_word(seen.load(Ordering::Relaxed)))) == Some(true) {
            return Ok(Ok(()));
        }
        let head = self.head();
        seen.store(head.to_word(), Ordering::Relaxed);
        let fits = self.fits(tail.since(head)).ok_or_else(corrupt)?;
        Ok(if fits { Ok(()) } else { Err(head) })
    }

    /// Whether there is room beside what is under way; none where that makes no sense.
    fn fits(&self, under_way: Cursor) -> Option<bool> {
        let free = self.capacity.checked_sub(under_way.place)?;
        let few = under_way.messages < self.limit && under_way.annexed < MOST_ANNEXED;
        Some(few && free >= self.longest_record())
    }

    /// Writes a record that has room behind `tail`; gives the tail to publish.
    pub(super) fn write(&self, tail: Cursor, record: &Record<'_>) -> Cursor {
        let (kind, length) = match record {
            Record::Whole(bytes) => (WHOLE, bytes.len()),
            Record::Annexed(_) => (ANNEXED, size_of::<u64>()),
        };
        let first = u64::from(kind) << 32 | length as u64;
        self.parts(tail.place, 1)[0][0].store(first, Ordering::Relaxed);
        let number;
        let bytes = match record {
            Record::Whole(bytes) => *bytes,
            Record::Annexed(parcel) => {
                number = parcel.to_le_bytes();
                &number
            }
        };
        let [near, far] = self.parts(tail.place + 1, bytes.len().div_ceil(8));
        let (nearer, farther) = bytes.split_at(bytes.len().min(near.len() * 8));
        store(near, nearer);
        store(far, farther);
        tail.after(record.words(), matches!(record, Record::Annexed(_)))
    }

    /// The record at `head`, its bytes in `buffer`, and the head behind it; none where there is
    /// none. By the holder of the receivers' lock.
    pub(super) fn read<'b>(
        &self,
        side: &Side<'_>,
        head: Cursor,
        buffer: &'b mut Vec<u8>,
    ) -> io::Result<Option<(Record<'b>, Cursor)>> {
        let seen = side.seen;
        let mut tail = Cursor::from_word(seen.load(Ordering::Relaxed));
        if !(1..=self.capacity).contains(&tail.since(head).place) {
            tail = self.tail();
            seen.store(tail.to_word(), Ordering::Relaxed);
        }
        let used = tail.since(head).place;
        if used == 0 {
            // Counts that differ at the same place are nobody's: a look whether something came and
            // a look at what came would never agree.
            return if tail == head { Ok(None) } else { Err(corrupt()) };
        }
        let first = self.parts(head.place, 1)[0][0].load(Ordering::Relaxed);
        let (length, kind) = halves(first);
        let words = (length as usize).div_ceil(8);
        if used > self.capacity || words + 1 > used as usize {
            return Err(corrupt());
        }
        if buffer.len() < words * 8 {
            buffer.resize(words * 8, 0);
        }
        let [near, far] = self.parts(head.place + 1, words);
        let (nearer, farther) = buffer[..words * 8].split_at_mut(near.len() * 8);
        load(near, nearer);
        load(far, farther);
        let bytes = &buffer[..length as usize];
        let record = match kind {
            WHOLE => Record::Whole(bytes),
            ANNEXED => {
                let number = bytes.try_into().map_err(|_| corrupt())?;
                Record::Annexed(u64::from_le_bytes(number))
            }
            _ => return Err(corrupt()),
        };
        let behind = head.after(record.words(), kind == ANNEXED);
        Ok(Some((record, behind)))
    }

    /// So many words from `place` on: those before the ring's end, those from its beginning on.
    fn parts(&self, place: u32, words: usize) -> [&[AtomicU64]; 2] {
        let records = &self.memory.words()[RECORDS..][..self.capacity as usize];
        let (behind, from) = records.split_at((place & (self.capacity - 1)) as usize);
        let near = words.min(from.len());
        [&from[..near], &behind[..words - near]]
    }
}

fn store(into: &[AtomicU64], bytes: &[u8]) {
    let words = bytes.chunks_exact(8);
    let rest = words.remainder();
    for (into, word) in into.iter().zip(words) {
        let mut value = [0; 8];
        value.copy_from_slice(word);
        into.store(u64::from_le_bytes(value), Ordering::Relaxed);
    }
    if let (Some(last), false) = (into.last(), rest.is_empty()) {
        // In a register: a word read where its bytes were just written waits for each of them.
        let value = rest.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte));
        last.store(value, Ordering::Relaxed);
    }
}

fn load(from: &[AtomicU64], bytes: &mut [u8]) {
    for (word, bytes) in from.iter().zip(bytes.chunks_exact_mut(8)) {
        bytes.copy_from_slice(&word.load(Ordering::Relaxed).to_le_bytes());
    }
}

/// A word as two numbers, the lower half first.
fn halves(word: u64) -> (u32, u32) {
    let half = |word: u64| u32::try_from(word & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    (half(word), half(word >> 32))
}

fn corrupt() -> io::Error {
    let text = "the channel's memory makes no sense: a process that has it wrote over it";
    io::Error::new(io::ErrorKind::InvalidData, text)
}
