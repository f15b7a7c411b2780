//! The shared memory of a channel: where everything lies, and its records.
//!
//! In: memory, new or from another process. Out: cursors, records, the two locks and the words
//! beside them. What always holds: every length and position that is read here is checked against
//! the memory before it is used, for any process that has the channel may have written it.

use super::cursor::Cursor;
use super::limits::{Carriage, Limits, Room};
use super::overflow::{self, Consumed, Look, MARKER, Marker, Overflow, Taken};
use super::record::{ANNEXED, EXTENT, Record, WHOLE, corrupt, halves};
use procession_sys::cpu;
use procession_sys::robust::{Guard, Lock, Wait};
use procession_sys::shared::Shared;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// The first word: "procchan", version 2.
const MAGIC: u64 = u64::from_le_bytes(*b"procchn2");

// Places in words of eight bytes. What different processes write at the same time lies in lines of
// its own, 128 bytes, as processors fetch lines in pairs.
const LINE: usize = 16;
const SHAPE: usize = 1;
const DEPARTURES: usize = 2;
const BYTES: usize = 3;
const WINDOW: usize = 4;
const WHEN_FULL: usize = 5;
const TAIL: usize = LINE;
const SENDING: usize = 2 * LINE;
const HEAD: usize = 3 * LINE;
const RECEIVING: usize = 4 * LINE;
// Who waits asks where the other side runs, so that stands apart from the lock that it works with.
const SENDING_CPU: usize = 5 * LINE;
const RECEIVING_CPU: usize = 6 * LINE;
// The lengths of the messages in the annex.
const LENGTHS: usize = 7 * LINE;
const RECORDS: usize = LENGTHS + LENGTHS_KEPT;
/// As many lengths as a power of two above the messages that may be in the annex.
const LENGTHS_KEPT: usize = 4 * LINE;
/// Behind a side's own words in its line: those of the overflow.
const OVERFLOW: usize = 4;

/// How far before the writing memory is fetched, in words: the lines that lie 256 and 320 bytes
/// ahead, a few short messages.
const AHEAD: [u32; 2] = [32, 40];

/// Room for records: 256 KiB, which stays in a processor's cache.
const DEFAULT_WORDS: u32 = 1 << 15;
/// The smallest room that is believed: a quarter of it is a record of an annexed message.
const LEAST_WORDS: u32 = 8;

/// The first word of a record in the ring.
struct Front {
    kind: u32,
    length: u32,
    /// How many words follow.
    words: usize,
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
    /// Of the senders' side: not 0 while the last message may be in the overflow.
    pub(super) extent: &'a AtomicU64,
}

impl<'a> Side<'a> {
    pub(super) fn lock(&self, wait: Wait) -> io::Result<Guard<'a>> {
        self.lock.lock_within(wait)
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
    pub(super) memory: Shared,
    capacity: u32,
    limits: Limits,
    /// How many words of the overflow may be used at once.
    pub(super) window: u64,
}

impl Ring {
    /// A new ring of a channel with these limits.
    pub(super) fn new(limits: Limits) -> io::Result<Self> {
        Self::with_window(limits, overflow::window(file_begin(DEFAULT_WORDS)))
    }

    /// The same, of whose overflow so many words may be used at once.
    pub(super) fn with_window(limits: Limits, window: u64) -> io::Result<Self> {
        let words = RECORDS + DEFAULT_WORDS as usize;
        let memory = Shared::new(words * size_of::<u64>())?;
        let ring = Self { memory, capacity: DEFAULT_WORDS, limits, window };
        let shape = u64::from(limits.messages) << 32 | u64::from(DEFAULT_WORDS);
        for (index, word) in [
            (SHAPE, shape),
            (BYTES, limits.bytes),
            (WINDOW, window),
            (WHEN_FULL, u64::from(limits.refuses)),
        ] {
            ring.word(index).store(word, Ordering::Relaxed);
        }
        ring.sending().armed.store(1, Ordering::Relaxed);
        ring.word(0).store(MAGIC, Ordering::Release);
        Ok(ring)
    }

    /// The ring in memory that came from another process.
    pub(super) fn adopt(descriptor: OwnedFd) -> io::Result<Self> {
        let invalid = || io::Error::new(io::ErrorKind::InvalidData, "not the memory of a channel");
        // The file may be longer, by the overflow.
        let most = (RECORDS + DEFAULT_WORDS as usize) * size_of::<u64>();
        let memory = Shared::adopt_first(descriptor, most)?;
        let words = memory.words().get(..RECORDS).ok_or_else(invalid)?;
        let word = |index: usize| words[index].load(Ordering::Acquire);
        let (magic, (capacity, messages)) = (word(0), halves(word(SHAPE)));
        let (bytes, refuses) = (word(BYTES), word(WHEN_FULL) != 0);
        let window = word(WINDOW);
        let sound = magic == MAGIC
            && capacity.is_power_of_two()
            && (LEAST_WORDS..=DEFAULT_WORDS).contains(&capacity)
            && messages > 0
            && overflow::is_window(window)
            && memory.words().len() >= RECORDS + capacity as usize;
        let limits = Limits { messages, bytes, refuses };
        if sound { Ok(Self { memory, capacity, limits, window }) } else { Err(invalid()) }
    }

    pub(super) fn memory(&self) -> BorrowedFd<'_> {
        self.memory.as_fd()
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The longest message that is put into the ring itself.
    pub(super) fn longest(&self) -> usize {
        (self.longest_record() as usize - 1) * size_of::<u64>()
    }

    /// A quarter of the ring. The ring is full when no such record fits any more: the same for
    /// every sender, whatever it has to send (README.md needs that).
    fn longest_record(&self) -> u32 {
        self.capacity / 4
    }

    fn overflow(&self) -> Overflow<'_> {
        let words = |line: usize| &self.memory.words()[line + OVERFLOW..line + LINE];
        Overflow {
            memory: &self.memory,
            begin: file_begin(self.capacity),
            window: self.window,
            senders: words(SENDING),
            receivers: words(RECEIVING),
        }
    }

    /// The words of a marker in the ring.
    fn marker(&self, place: u32) -> Marker<'_> {
        std::array::from_fn(|index| {
            let index = u32::try_from(index).unwrap_or_default();
            &self.parts(place.wrapping_add(index), 1)[0][0]
        })
    }

    /// Whether the last message is in the overflow; see [`Overflow::has_open_extent`].
    #[cold]
    pub(super) fn has_open_extent(&self, tail: Cursor) -> bool {
        self.overflow().has_open_extent(tail)
    }

    /// Writes a record into the overflow; see [`Overflow::append`].
    #[cold]
    pub(super) fn append(
        &self,
        tail: Cursor,
        open: bool,
        record: &Record<'_>,
    ) -> io::Result<Cursor> {
        self.overflow().append(tail, open, record, self.marker(tail.place()))
    }

    /// Ends the extent that is open; see [`Overflow::end_extent`].
    #[cold]
    pub(super) fn end_extent(&self, tail: Cursor) -> io::Result<()> {
        self.overflow().end_extent(tail, self.marker(overflow::marker_before(tail)))
    }

    /// Notes that a message of the overflow was read; see [`Overflow::note_read`].
    #[cold]
    pub(super) fn note_read(&self, head: Cursor, consumed: &Consumed) {
        self.overflow().note_read(head, consumed);
    }

    /// Gives memory of the overflow back; see [`Overflow::give_back_read`].
    #[cold]
    pub(super) fn give_back_read(&self, consumed: &Consumed) {
        self.overflow().give_back_read(consumed);
    }

    /// Where the length of a message in the annex is noted, by its number among them.
    pub(super) fn annexed_length(&self, number: u8) -> &AtomicU64 {
        self.word(LENGTHS + usize::from(number) % LENGTHS_KEPT)
    }

    /// How many messages are under way.
    pub(super) fn len(&self) -> usize {
        let head = self.head();
        self.tail().since(head).messages() as usize
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
        let words = &self.memory.words()[line + 2..][..3];
        Side {
            lock: Lock::new(&halves[0], &halves[1]),
            armed: &halves[2],
            cpu: &self.memory.half_words()[2 * cpu],
            seen: &words[0],
            annexed: &words[1],
            extent: &words[2],
        }
    }

    /// Waits until both locks could be had, one after the other, or `wait` is over.
    #[cfg(feature = "tokio")]
    pub(super) fn wait_for_locks(&self, wait: Wait) {
        for side in [self.receiving(), self.sending()] {
            // Held for too long, or never to be had: the next call says so.
            drop(side.lock(wait));
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
        let place = Cursor::from_word(tail.load(Ordering::Relaxed)).place();
        for ahead in AHEAD {
            cpu::expect_write(&self.parts(place.wrapping_add(ahead), 1)[0][0]);
        }
        cpu::expect_write(tail);
    }

    /// Whether no message is under way. A marker in front of the head is none.
    pub(super) fn is_empty(&self) -> bool {
        let head = self.head();
        self.tail().since(head).messages() == 0
    }

    /// Where a message may go that is carried so. By the holder of the senders' lock.
    #[inline]
    pub(super) fn room(&self, side: &Side<'_>, tail: Cursor, how: Carriage) -> io::Result<Room> {
        let under_way = tail.since(Cursor::from_word(side.seen.load(Ordering::Relaxed)));
        let free = self.capacity.checked_sub(under_way.place());
        let fits = free.is_some_and(|free| free >= self.longest_record() + MARKER);
        if fits && self.limits.surely_admit(under_way, how) {
            return Ok(Room::Ring);
        }
        self.room_now(side, tail, how)
    }

    /// The same, having looked how far the receivers are.
    #[cold]
    fn room_now(&self, side: &Side<'_>, tail: Cursor, how: Carriage) -> io::Result<Room> {
        let head = self.head();
        side.seen.store(head.to_word(), Ordering::Relaxed);
        let under_way = tail.since(head);
        let free = self.capacity.checked_sub(under_way.place()).ok_or_else(corrupt)?;
        let bytes = || self.bytes_under_way(tail, head);
        if self.limits.forbid(under_way, bytes, how)? {
            return Ok(Room::None(head));
        }
        let fits = free >= self.longest_record() + MARKER && how.fits_beside(under_way.annexed());
        Ok(if fits { Room::Ring } else { Room::Overflow(head) })
    }

    /// How many bytes all messages have that are under way.
    fn bytes_under_way(&self, tail: Cursor, head: Cursor) -> io::Result<u64> {
        let under_way = tail.since(head);
        if under_way.messages() == 0 {
            return Ok(0);
        }
        let in_ring = u64::from(under_way.place()) * 8;
        let annexed = (0..under_way.annexed()).map(|index| {
            self.annexed_length(head.annexed().wrapping_add(index)).load(Ordering::Relaxed)
        });
        let annexed = annexed.fold(0_u64, u64::saturating_add);
        Ok(in_ring.saturating_add(self.overflow().under_way(tail)?).saturating_add(annexed))
    }

    /// Writes a record that has room behind `tail`; gives the tail to publish.
    pub(super) fn write(&self, tail: Cursor, record: &Record<'_>) -> Cursor {
        let (kind, length) = match record {
            Record::Whole(bytes) => (WHOLE, bytes.len()),
            Record::Annexed(_) => (ANNEXED, size_of::<u64>()),
        };
        let first = u64::from(kind) << 32 | length as u64;
        self.parts(tail.place(), 1)[0][0].store(first, Ordering::Relaxed);
        let number;
        let bytes = match record {
            Record::Whole(bytes) => *bytes,
            Record::Annexed(parcel) => {
                number = parcel.to_le_bytes();
                &number
            }
        };
        let [near, far] = self.parts(tail.place() + 1, bytes.len().div_ceil(8));
        let (nearer, farther) = bytes.split_at(bytes.len().min(near.len() * 8));
        store(near, nearer);
        store(far, farther);
        tail.after(record.words(), matches!(record, Record::Annexed(_)))
    }

    /// The message at `head`, its bytes in `buffer`; `None` if there is none. By the holder of the
    /// receivers' lock.
    #[inline]
    pub(super) fn read<'b>(
        &self,
        side: &Side<'_>,
        head: Cursor,
        buffer: &'b mut Vec<u8>,
    ) -> io::Result<Option<Taken<'b>>> {
        match self.front(side, head)? {
            None => Ok(None),
            Some(front) if front.kind == EXTENT => self.read_extent(side, head, buffer),
            Some(front) => self.read_record(head, &front, buffer).map(Some),
        }
    }

    /// As [`read`](Self::read), where a marker is at `head`.
    #[cold]
    fn read_extent<'b>(
        &self,
        side: &Side<'_>,
        head: Cursor,
        buffer: &'b mut Vec<u8>,
    ) -> io::Result<Option<Taken<'b>>> {
        let overflow = self.overflow();
        match overflow.look(self.tail(), head, self.marker(head.place()))? {
            Look::Nothing => Ok(None),
            Look::Message(place) => overflow.read(head, &place, buffer).map(Some),
            Look::Behind(head) => match self.front(side, head)? {
                Some(front) => self.read_record(head, &front, buffer).map(Some),
                None => Err(corrupt()),
            },
        }
    }

    /// What stands in the ring at `head`; `None` if nothing does.
    #[inline]
    fn front(&self, side: &Side<'_>, head: Cursor) -> io::Result<Option<Front>> {
        let seen = side.seen;
        let mut tail = Cursor::from_word(seen.load(Ordering::Relaxed));
        if !(1..=self.capacity).contains(&tail.since(head).place()) {
            tail = self.tail();
            seen.store(tail.to_word(), Ordering::Relaxed);
        }
        let used = tail.since(head).place();
        if used == 0 {
            // Counts that differ at the same place are nobody's: a look whether something came and
            // a look at what came would never agree.
            return if tail == head { Ok(None) } else { Err(corrupt()) };
        }
        let first = self.parts(head.place(), 1)[0][0].load(Ordering::Relaxed);
        let (length, kind) = halves(first);
        let words = (length as usize).div_ceil(8);
        if used > self.capacity || words + 1 > used as usize {
            return Err(corrupt());
        }
        Ok(Some(Front { kind, length, words }))
    }

    #[inline]
    fn read_record<'b>(
        &self,
        head: Cursor,
        front: &Front,
        buffer: &'b mut Vec<u8>,
    ) -> io::Result<Taken<'b>> {
        let &Front { kind, length, words } = front;
        if buffer.len() < words * 8 {
            buffer.resize(words * 8, 0);
        }
        let [near, far] = self.parts(head.place() + 1, words);
        let (nearer, farther) = buffer[..words * 8].split_at_mut(near.len() * 8);
        load(near, nearer);
        load(far, farther);
        let record = Record::of(kind, &buffer[..length as usize])?;
        let head = head.after(record.words(), kind == ANNEXED);
        Ok(Taken { record, head, consumed: None })
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

/// Where the overflow begins in the file of a ring of so many words: at a page, whatever its size.
fn file_begin(capacity: u32) -> u64 {
    const LARGEST_PAGE: u64 = 64 << 10;
    (RECORDS as u64 + u64::from(capacity)).saturating_mul(8).next_multiple_of(LARGEST_PAGE)
}
