//! The memory that a program shares with its heartbeat process.
//!
//! In, from the program: ticks, notes, panics, a planned stop, the code it exits with. Out, to the
//! heartbeat: the same, also after the program's death. What always holds: a tick is one addition;
//! words cut off by a death in the middle of writing are left out; whatever stands in the memory,
//! reading it is text and numbers, never a panic.

use crate::memory::SharedMemory;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::time::Duration;

/// How many words are kept; older ones make room.
const ENTRIES: usize = 16;
/// The bytes of an entry: its number, its kind, the lengths of its place and text, both texts.
const ENTRY: usize = 1024;
const HEAD: usize = 24;
/// The longest text with its place, in bytes; what is longer is cut.
const TEXT: usize = ENTRY - HEAD;
/// The first entry begins behind the words of [`Word`].
const FIRST: usize = 64;
const SIZE: usize = FIRST + ENTRY * ENTRIES;

/// The page's single numbers, each in a word of its own.
#[derive(Clone, Copy)]
enum Word {
    Ticks = 0,
    /// How many entries have been begun.
    Entries = 1,
    /// 0 for none; 1 for good; otherwise the milliseconds of absence and 2.
    Goodbye = 2,
    /// 0 for none; 1 for an exit of unknown code; otherwise the code and 2.
    Exit = 3,
    /// What became of the last try to send: see [`Delivery`].
    Delivery = 4,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Note(String),
    Panic { main: bool, place: String, message: String },
}

/// An end that the program announced: whether it means to be back, and when.
pub(super) type Goodbye = Option<Duration>;

/// How a program said itself that it exits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    Code(i32),
    /// Through the exit handlers, with a code that they were not told.
    Unknown,
}

/// What became of the last report.
///
/// ```
/// # use procession::Delivery;
/// // A wrong token, for example, is told here, and nowhere else.
/// assert_eq!(Delivery::Refused(401).to_string(), "refused by the monitor: HTTP 401");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivery {
    /// None has been tried yet.
    Pending,
    /// The monitor took it.
    Taken,
    /// The monitor was not reached, or was too busy; it is tried again.
    Unreachable,
    /// Who answered could not show by its certificate that it is the monitor; it is tried again.
    Untrusted,
    /// The monitor will not take it: this HTTP status.
    Refused(u16),
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending => f.write_str("not sent yet"),
            Self::Taken => f.write_str("taken by the monitor"),
            Self::Unreachable => f.write_str("the monitor cannot be reached"),
            Self::Untrusted => f.write_str("the monitor could not prove who it is"),
            Self::Refused(status) => write!(f, "refused by the monitor: HTTP {status}"),
        }
    }
}

/// The memory, on either side.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Page(SharedMemory);

impl Page {
    pub(super) fn new() -> io::Result<Self> {
        SharedMemory::new(SIZE).map(Self)
    }

    /// For a page that came from another process.
    pub(super) fn is_whole(&self) -> bool {
        self.0.len() >= SIZE
    }

    fn word(&self, word: Word) -> &AtomicU64 {
        &self.0.words()[word as usize]
    }

    #[inline]
    pub(super) fn tick(&self) {
        self.word(Word::Ticks).fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn ticks(&self) -> u64 {
        self.word(Word::Ticks).load(Ordering::Relaxed)
    }

    pub(super) fn say_goodbye(&self, back_in: Goodbye) {
        let longest = u64::MAX - 2;
        let ms = back_in.map(|back_in| u64::try_from(back_in.as_millis()).unwrap_or(longest));
        let value = ms.map_or(1, |ms| ms.min(longest) + 2);
        self.word(Word::Goodbye).store(value, Ordering::Release);
    }

    pub(super) fn goodbye(&self) -> Option<Goodbye> {
        match self.word(Word::Goodbye).load(Ordering::Acquire) {
            0 => None,
            1 => Some(None),
            ms => Some(Some(Duration::from_millis(ms - 2))),
        }
    }

    pub(super) fn say_exit(&self, code: Option<i32>) {
        let value = code.map_or(1, |code| u64::from(code.unsigned_abs()) + 2);
        self.word(Word::Exit).store(value, Ordering::Release);
    }

    pub(super) fn exit(&self) -> Option<Exit> {
        match self.word(Word::Exit).load(Ordering::Acquire) {
            0 => None,
            1 => Some(Exit::Unknown),
            code => Some(i32::try_from(code - 2).map_or(Exit::Unknown, Exit::Code)),
        }
    }

    pub(super) fn set_delivery(&self, delivery: Delivery) {
        let value = match delivery {
            Delivery::Pending => 0,
            Delivery::Taken => 1,
            Delivery::Unreachable => 2,
            Delivery::Untrusted => 3,
            Delivery::Refused(status) => 4 + u64::from(status),
        };
        self.word(Word::Delivery).store(value, Ordering::Relaxed);
    }

    pub(super) fn delivery(&self) -> Delivery {
        match self.word(Word::Delivery).load(Ordering::Relaxed) {
            0 => Delivery::Pending,
            1 => Delivery::Taken,
            2 => Delivery::Unreachable,
            3 => Delivery::Untrusted,
            status => Delivery::Refused(u16::try_from(status - 4).unwrap_or(u16::MAX)),
        }
    }

    /// Writes an entry; who writes is alone (the caller holds a lock of its process).
    pub(super) fn write(&self, entry: &Entry) {
        let (kind, place, text) = match entry {
            Entry::Note(text) => (0_u8, "", text.as_str()),
            Entry::Panic { main, place, message } => (1 + u8::from(*main), &**place, &**message),
        };
        let place = cut(place, TEXT / 4);
        let text = cut(text, TEXT - place.len());
        let number = self.word(Word::Entries).fetch_add(1, Ordering::Relaxed);
        let at = offset(number);
        let done = &self.0.words()[at / 8];
        done.store(0, Ordering::Relaxed);
        // The stores below must not move above that one.
        fence(Ordering::Release);
        self.0.bytes()[at + 8].store(kind, Ordering::Relaxed);
        let lengths = [place.len(), text.len()].map(|length| length as u64);
        self.0.words()[at / 8 + 2].store(lengths[0] << 32 | lengths[1], Ordering::Relaxed);
        self.0.write(at + HEAD, place.as_bytes());
        self.0.write(at + HEAD + place.len(), text.as_bytes());
        done.store(number + 1, Ordering::Release);
    }

    /// The whole entries, oldest first, of the last [`ENTRIES`].
    pub(super) fn entries(&self) -> Vec<Entry> {
        let begun = self.word(Word::Entries).load(Ordering::Acquire);
        (begun.saturating_sub(ENTRIES as u64)..begun)
            .filter_map(|number| self.read(number))
            .collect()
    }

    fn read(&self, number: u64) -> Option<Entry> {
        let at = offset(number);
        let words = self.0.words();
        if words[at / 8].load(Ordering::Acquire) != number.wrapping_add(1) {
            return None;
        }
        let lengths = words[at / 8 + 2].load(Ordering::Relaxed);
        let [place, text] = [lengths >> 32, lengths & u64::from(u32::MAX)]
            .map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        if place.saturating_add(text) > TEXT {
            return None;
        }
        let begin = at + HEAD;
        let message = self.text(begin + place..begin + place + text);
        match self.0.bytes()[at + 8].load(Ordering::Relaxed) {
            0 => Some(Entry::Note(message)),
            kind @ (1 | 2) => {
                let place = self.text(begin..begin + place);
                Some(Entry::Panic { main: kind == 2, place, message })
            }
            _ => None,
        }
    }

    fn text(&self, range: Range<usize>) -> String {
        let mut bytes = vec![0; range.len()];
        self.0.read(range.start, &mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

fn offset(number: u64) -> usize {
    let place = number % ENTRIES as u64;
    FIRST + ENTRY * usize::try_from(place).unwrap_or_default()
}

/// At most `length` bytes of it, whole characters.
fn cut(text: &str, length: usize) -> &str {
    let mut end = text.len().min(length);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRIES: u64 = super::ENTRIES as u64;

    fn note(text: &str) -> Entry {
        Entry::Note(text.to_owned())
    }

    #[test]
    fn the_last_entries_are_kept_in_their_order() {
        let page = Page::new().expect("memory");
        assert_eq!(page.entries(), []);
        for number in 0..ENTRIES + 3 {
            page.write(&note(&number.to_string()));
        }
        let kept: Vec<Entry> = (3..ENTRIES + 3).map(|number| note(&number.to_string())).collect();
        assert_eq!(page.entries(), kept);
    }

    #[test]
    fn an_entry_that_was_not_finished_is_left_out() {
        let page = Page::new().expect("memory");
        page.write(&note("whole"));
        page.write(&note("cut off"));
        page.0.words()[offset(1) / 8].store(0, Ordering::Release);
        assert_eq!(page.entries(), [note("whole")]);
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        let page = Page::new().expect("memory");
        let message = "ü".repeat(2 * TEXT);
        page.write(&Entry::Panic { main: true, place: "p".repeat(TEXT), message });
        let [Entry::Panic { main: true, place, message }] = &page.entries()[..] else {
            panic!("{:?}", page.entries())
        };
        assert_eq!(place.len(), TEXT / 4);
        assert!(message.len() > TEXT / 2 && message.chars().all(|c| c == 'ü'), "{message}");
    }

    #[test]
    fn whatever_stands_in_the_memory_can_be_read() {
        let page = Page::new().expect("memory");
        for byte in [0x01, 0x7f, 0xff] {
            page.0.write(0, &vec![byte; SIZE]);
            for number in 0..ENTRIES {
                page.0.words()[offset(number) / 8].store(number + 1, Ordering::Relaxed);
            }
            page.word(Word::Entries).store(ENTRIES, Ordering::Relaxed);
            let _ = (page.entries(), page.goodbye(), page.exit(), page.ticks(), page.delivery());
        }
    }

    #[test]
    fn goodbyes_and_exits_are_told_apart_from_none() {
        let page = Page::new().expect("memory");
        assert_eq!((page.goodbye(), page.exit()), (None, None));
        page.say_goodbye(Some(Duration::ZERO));
        page.say_exit(Some(0));
        assert_eq!(page.goodbye(), Some(Some(Duration::ZERO)));
        assert_eq!(page.exit(), Some(Exit::Code(0)));
        page.say_goodbye(None);
        page.say_exit(None);
        assert_eq!((page.goodbye(), page.exit()), (Some(None), Some(Exit::Unknown)));
        page.say_goodbye(Some(Duration::MAX));
        assert!(page.goodbye().flatten() > Some(Duration::from_secs(1 << 40)));
    }
}
