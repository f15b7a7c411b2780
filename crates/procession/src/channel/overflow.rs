//! Where messages wait for which the ring has no room: in the channel's memory file, behind the ring.
//!
//! Messages that follow each other in the overflow are an *extent*. Its marker stands in the ring, at
//! the place of the extent in the order of messages. README.md has the steps.
//!
//! # Invariants
//! - `tail` and `head` alone say which messages are in the channel. Each position in the overflow is
//!   kept for two counts of messages, so the one that belongs to `tail` or `head` is never written
//!   over before `tail` or `head` has moved on.
//! - Memory is given back behind the last message taken only, and used again only once that is noted.
//! - Every position and length read here is checked before it is used.

use super::cursor::{COUNTED, Cursor};
use super::record::{ANNEXED, EXTENT, Record, WHOLE, corrupt, halves};
use procession_sys::fault;
use procession_sys::fault::stands;
use procession_sys::memory;
use procession_sys::shared::Shared;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// A marker: its first word; where the extent begins, with a bit that says whether that is a fresh
/// start; the count of messages before it; the count at its end, once it has one.
pub(super) const MARKER: u32 = 4;
const FRESH: u64 = 1 << 63;

/// A record: its first word, as in the ring, the count of messages before it, its bytes.
const HEADER: usize = 16;

/// How many bytes of a message are read together with its header.
const READ_AT_ONCE: usize = 2 << 10;
/// Memory is given back when so many words of it were read: 256 KiB.
const GIVEN_BACK_AT_ONCE: u64 = 1 << 15;
/// The largest part of the file that is used at once, in words: 256 GiB.
const LARGEST_WINDOW: u64 = 1 << 35;

// The words of the senders' side: the place of the last marker, if its extent may be open; where the
// next extent begins; where the last fresh start was; two positions.
const LAST_MARKER: usize = 0;
const NEXT: usize = 1;
const FRESH_START: usize = 2;
// The words of the receivers' side: up to where they have read, and given back; two positions.
const READ: usize = 0;
const GIVEN_BACK: usize = 1;
// On both sides: for an even and for an odd count of messages, the count, and where it belongs.
const POSITIONS: usize = 4;

/// In the word of the last marker, above its place.
const OPEN: u64 = 1 << 32;

/// How many words of a file may be used behind `begin` by a process with this one's limits.
pub(super) fn window(begin: u64) -> u64 {
    let most = memory::file_limit().unwrap_or(u64::MAX).saturating_sub(begin) / 8;
    let most = most.min(LARGEST_WINDOW);
    most - most % page()
}

/// Whether a window that was read makes sense.
pub(super) fn is_window(words: u64) -> bool {
    words <= LARGEST_WINDOW && words % page() == 0
}

/// The words of a page.
fn page() -> u64 {
    memory::page_size() / 8
}

fn page_of(position: u64) -> u64 {
    position - position % page()
}

/// What is to be found behind a marker.
#[derive(Debug)]
pub(super) enum Look {
    /// No message yet.
    Nothing,
    /// The next message is in the ring, at this head.
    Behind(Cursor),
    Message(Place),
}

/// Where a message is in the overflow.
#[derive(Debug)]
pub(super) struct Place {
    position: u64,
    /// The extent begins afresh, and this is its first message.
    fresh: bool,
    /// The count at the end of the extent, as far as it is written.
    end: u32,
}

/// A message that was read from the overflow.
#[derive(Debug)]
pub(super) struct Consumed {
    begin: u64,
    end: u64,
    fresh: bool,
    /// It is the last one there, for now.
    last: bool,
}

/// A message at the head of the channel.
#[derive(Debug)]
pub(super) struct Taken<'a> {
    pub(super) record: Record<'a>,
    /// The head behind it.
    pub(super) head: Cursor,
    /// Where it lay, if that was in the overflow.
    pub(super) consumed: Option<Box<Consumed>>,
}

/// The words of a marker in the ring.
pub(super) type Marker<'a> = [&'a AtomicU64; MARKER as usize];

/// The overflow of a channel: a part of its memory file, and the words of both sides for it.
pub(super) struct Overflow<'a> {
    pub(super) memory: &'a Shared,
    /// Where it begins in the file.
    pub(super) begin: u64,
    /// How many words of it may be used at once.
    pub(super) window: u64,
    pub(super) senders: &'a [AtomicU64],
    pub(super) receivers: &'a [AtomicU64],
}

impl Overflow<'_> {
    /// Whether the last message is in the overflow, so that the next one follows it there or ends
    /// its extent. By the holder of the senders' lock.
    #[cold]
    pub(super) fn has_open_extent(&self, tail: Cursor) -> bool {
        let last = &self.senders[LAST_MARKER];
        // A marker that was not published has its place at the tail, a closed one before others.
        let open = last.load(Ordering::Relaxed) == OPEN | u64::from(marker_before(tail))
            || !stands("open-extents");
        if !open {
            last.store(0, Ordering::Relaxed);
        }
        open
    }

    /// Writes a record behind the last in the overflow; gives the tail to publish. By the holder of
    /// the senders' lock. `marker` is at the tail.
    ///
    /// # Errors
    /// As the kernel says where memory ends. Nothing has changed then.
    #[cold]
    pub(super) fn append(
        &self,
        tail: Cursor,
        open: bool,
        record: &Record<'_>,
        marker: Marker<'_>,
    ) -> io::Result<Cursor> {
        let words = self.senders;
        let (begin, fresh) =
            if open { (position(words, tail.messages())?, false) } else { self.next_extent() };
        let number;
        let (kind, bytes) = match record {
            Record::Whole(bytes) => (WHOLE, *bytes),
            Record::Annexed(parcel) => {
                number = parcel.to_le_bytes();
                (ANNEXED, &number[..])
            }
        };
        let end = begin + length(bytes.len());
        if !self.is_free(begin..end) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let first = u64::from(kind) << 32 | bytes.len() as u64;
        let header = [first, u64::from(tail.messages())].map(u64::to_le_bytes);
        if let Err(error) = self.write(begin, header.as_flattened(), bytes) {
            // What was written of it is given back; where that fails it is written over.
            let _ = self.give_back(begin.next_multiple_of(page())..end.next_multiple_of(page()));
            return Err(error);
        }
        fault!("overflow.written");
        let behind = tail.after(if open { 0 } else { MARKER }, kind == ANNEXED);
        set_position(words, behind.messages(), end);
        if !open {
            let begin = if fresh { begin | FRESH } else { begin };
            let values = [first_of_marker(), begin, u64::from(tail.messages()), 0];
            for (word, value) in marker.into_iter().zip(values) {
                word.store(value, Ordering::Relaxed);
            }
            words[LAST_MARKER].store(OPEN | u64::from(tail.place()), Ordering::Relaxed);
        }
        fault!("overflow.noted");
        Ok(behind)
    }

    /// Ends the extent that is open, before a record is published in the ring behind its marker. By
    /// the holder of the senders' lock.
    #[cold]
    pub(super) fn end_extent(&self, tail: Cursor, marker: Marker<'_>) -> io::Result<()> {
        let words = self.senders;
        words[NEXT].store(position(words, tail.messages())?, Ordering::Relaxed);
        let [.., end] = marker;
        end.store(u64::from(tail.messages()), Ordering::Relaxed);
        fault!("overflow.ended");
        Ok(())
    }

    /// Where the next extent begins. Where everything was read and given back, that is at the
    /// beginning of the file again.
    fn next_extent(&self) -> (u64, bool) {
        let (words, receivers) = (self.senders, self.receivers);
        let next = words[NEXT].load(Ordering::Relaxed) & !FRESH;
        let given_back = receivers[GIVEN_BACK].load(Ordering::Acquire);
        let all_read = receivers[READ].load(Ordering::Acquire) == next;
        if self.window == 0 || !all_read || given_back != page_of(next) || next % self.window == 0 {
            return (next, false);
        }
        // A receiver gives back whole pages only, and none any more up to here.
        if self.give_back(page_of(next)..next.next_multiple_of(page())).is_err() {
            return (next, false);
        }
        let start = next.next_multiple_of(self.window);
        words[FRESH_START].store(start, Ordering::Relaxed);
        (start, true)
    }

    /// Whether this part of the overflow can be written.
    fn is_free(&self, range: Range<u64>) -> bool {
        let given_back = self.receivers[GIVEN_BACK].load(Ordering::Acquire);
        let start = self.senders[FRESH_START].load(Ordering::Relaxed);
        let used = range.end.checked_sub(given_back.max(start));
        used.is_some_and(|used| used <= self.window)
    }

    /// How many bytes wait in the overflow. By the holder of the senders' lock.
    pub(super) fn under_way(&self, tail: Cursor) -> io::Result<u64> {
        let words = self.senders;
        let open = words[LAST_MARKER].load(Ordering::Relaxed) != 0 && self.has_open_extent(tail);
        let end = if open {
            position(words, tail.messages())?
        } else {
            words[NEXT].load(Ordering::Relaxed)
        };
        let read = self.receivers[READ].load(Ordering::Acquire);
        let begin = read.max(words[FRESH_START].load(Ordering::Relaxed));
        Ok(end.saturating_sub(begin).saturating_mul(8))
    }

    /// What is behind the marker at `head`. By the holder of the receivers' lock.
    pub(super) fn look(&self, tail: Cursor, head: Cursor, marker: Marker<'_>) -> io::Result<Look> {
        let open = marker_before(tail) == head.place();
        let marker = marker.map(|word| word.load(Ordering::Relaxed));
        let [first, begin, count, end] = marker;
        let (count, end) = (halves(count).0, halves(end).0);
        if first != first_of_marker() {
            return Err(corrupt());
        }
        let end = if open { tail.messages() } else { end };
        if head.messages() == end {
            let behind = head.skip(MARKER);
            return Ok(if open { Look::Nothing } else { Look::Behind(behind) });
        }
        let fresh = begin & FRESH != 0 && head.messages() == count;
        let position = if head.messages() == count {
            begin & !FRESH
        } else {
            position(self.receivers, head.messages())?
        };
        Ok(Look::Message(Place { position, fresh, end }))
    }

    /// The message at `head`, which is in the overflow.
    pub(super) fn read<'b>(
        &self,
        head: Cursor,
        place: &Place,
        buffer: &'b mut Vec<u8>,
    ) -> io::Result<Taken<'b>> {
        let begin = place.position;
        if begin >= FRESH || self.window == 0 {
            return Err(corrupt());
        }
        if buffer.len() < READ_AT_ONCE {
            buffer.resize(READ_AT_ONCE, 0);
        }
        let mut header = [[0; 8]; 2];
        let pieces = &mut [header.as_flattened_mut(), &mut buffer[..READ_AT_ONCE]];
        let read = self.read_pieces(begin, pieces)?;
        let [first, number] = header.map(u64::from_le_bytes);
        let (length_in_bytes, kind) = halves(first);
        let bytes = length_in_bytes as usize;
        if read < HEADER || number != u64::from(head.messages()) {
            return Err(corrupt());
        }
        if bytes > READ_AT_ONCE {
            // A hole has no bytes that anybody wrote, so no memory is spent on one.
            if self.memory.allocated()? < bytes as u64 {
                return Err(corrupt());
            }
            if buffer.len() < bytes {
                buffer.resize(bytes, 0);
            }
            let rest = &mut buffer[READ_AT_ONCE..bytes];
            let from = begin + length(READ_AT_ONCE);
            if self.read_pieces(from, &mut [rest])? < bytes - READ_AT_ONCE {
                return Err(corrupt());
            }
        } else if read - HEADER < bytes {
            return Err(corrupt());
        }
        let end = begin + length(bytes);
        let record = Record::of(kind, &buffer[..bytes])?;
        let head = head.after(0, kind == ANNEXED);
        let last = head.messages() == place.end;
        Ok(Taken {
            record,
            head,
            consumed: Some(Box::new(Consumed { begin, end, fresh: place.fresh, last })),
        })
    }

    /// Notes that a message was read, before its head is published.
    #[cold]
    pub(super) fn note_read(&self, head: Cursor, consumed: &Consumed) {
        let words = self.receivers;
        if consumed.fresh {
            words[GIVEN_BACK].store(consumed.begin, Ordering::Release);
        }
        set_position(words, head.messages(), consumed.end);
        words[READ].store(consumed.end, Ordering::Release);
        fault!("overflow.read");
    }

    /// Gives memory back that was read, after the head was published.
    #[cold]
    pub(super) fn give_back_read(&self, consumed: &Consumed) {
        let given_back = &self.receivers[GIVEN_BACK];
        let (from, to) = (given_back.load(Ordering::Relaxed), page_of(consumed.end));
        if to <= from || !consumed.last && to - from < GIVEN_BACK_AT_ONCE {
            return;
        }
        // Where the kernel refuses, the memory stays until it is written over.
        if to - from <= self.window {
            let _ = self.give_back(from..to);
        }
        fault!("overflow.given-back");
        given_back.store(to, Ordering::Release);
    }

    fn write(&self, position: u64, header: &[u8], bytes: &[u8]) -> io::Result<()> {
        let whole = (HEADER + bytes.len()) as u64;
        let (near, offset) = self.file(position);
        if whole <= near {
            return self.memory.write_at(offset, &[header, bytes]);
        }
        // Across the end of the window. Both are of whole words, and so is what is left before it.
        let near = usize::try_from(near).unwrap_or(usize::MAX);
        let (first, rest) = header.split_at(near.min(HEADER));
        let (second, last) = bytes.split_at(near.saturating_sub(HEADER).min(bytes.len()));
        self.memory.write_at(offset, &[first, second])?;
        self.memory.write_at(self.begin, &[rest, last])
    }

    /// Reads one piece after the other; gives how many bytes came.
    fn read_pieces(&self, position: u64, pieces: &mut [&mut [u8]]) -> io::Result<usize> {
        let (near, offset) = self.file(position);
        let near = usize::try_from(near).unwrap_or(usize::MAX);
        let whole: usize = pieces.iter().map(|piece| piece.len()).sum();
        if whole <= near {
            return self.memory.read_at(offset, pieces);
        }
        let (mut first, mut rest) = (Vec::new(), Vec::new());
        let mut left = near;
        for piece in pieces {
            let (one, other) = piece.split_at_mut(left.min(piece.len()));
            left -= one.len();
            first.push(one);
            rest.push(other);
        }
        let read = self.memory.read_at(offset, &mut first)?;
        if read < near {
            return Ok(read);
        }
        Ok(read + self.memory.read_at(self.begin, &mut rest)?)
    }

    /// Gives memory back, in whole pages.
    fn give_back(&self, range: Range<u64>) -> io::Result<()> {
        let (near, offset) = self.file(range.start);
        let whole = range.end.saturating_sub(range.start).saturating_mul(8);
        let first = whole.min(near);
        self.memory.give_back(offset..offset + first)?;
        self.memory.give_back(self.begin..self.begin + (whole - first))
    }

    /// How many bytes there are from a position to the window's end, and where it is in the file.
    fn file(&self, position: u64) -> (u64, u64) {
        let inside = position % self.window.max(1);
        ((self.window - inside) * 8, self.begin + inside * 8)
    }
}

fn first_of_marker() -> u64 {
    (u64::from(EXTENT) << 32) | (u64::from(MARKER - 1) * 8)
}

/// Where a marker is that is the last in the ring.
pub(super) fn marker_before(tail: Cursor) -> u32 {
    tail.place().wrapping_sub(MARKER) & COUNTED
}

/// How many words a message of so many bytes takes.
fn length(bytes: usize) -> u64 {
    ((HEADER + bytes).div_ceil(8)) as u64
}

/// The position that belongs to a count of messages.
fn position(words: &[AtomicU64], count: u32) -> io::Result<u64> {
    let [counted, position] = slot(words, count).map(|word| word.load(Ordering::Relaxed));
    let known = counted == u64::from(count) && position < FRESH;
    if known { Ok(position) } else { Err(corrupt()) }
}

fn set_position(words: &[AtomicU64], count: u32, position: u64) {
    let [counted, place] = slot(words, count);
    counted.store(u64::from(count), Ordering::Relaxed);
    place.store(position, Ordering::Relaxed);
}

fn slot(words: &[AtomicU64], count: u32) -> [&AtomicU64; 2] {
    let count = if stands("two-positions") { count % 2 } else { 0 };
    let index = POSITIONS + 2 * count as usize;
    [&words[index], &words[index + 1]]
}
