//! The names in a message that is being read.
//!
//! A thread keeps the lists of its last messages, so those of a message like an earlier one are compared
//! with it as one text.
//!
//! # Invariants
//! - Names are given to a visitor in its type's order only after they were found equal to the type's:
//!   in this message, or in an earlier one if the program itself has the type's names. A library can be
//!   replaced by another one at the same addresses.

use super::error::Error;
use super::tag::LONG_NAME;
use procession_sys::image::program_holds;
use procession_sys::text::equal_text;
use std::cell::Cell;
use std::ops::Range;

/// How many messages' lists a thread keeps, by the length of their text.
const KEPT: usize = 8;

/// The longest lists that are kept: 64 KiB.
const LONGEST_KEPT: usize = 64 << 10;

/// The lists of a message, as [`Names`](super::names::Names) wrote them.
#[derive(Debug, Default)]
pub(super) struct Lists<'de> {
    text: &'de str,
    /// What is known of them and of the thread's last messages; none before a message has lists.
    kept: Option<Box<Kept>>,
}

/// What a thread keeps of its last messages, and which of them is this one.
#[derive(Debug, Default)]
struct Kept {
    messages: [Known; KEPT],
    current: usize,
}

/// The lists of one message.
#[derive(Debug, Default)]
struct Known {
    text: String,
    lists: Vec<List>,
    /// Whether more than one message had them.
    is_repeated: bool,
}

/// One list: its names stand one behind the other.
#[derive(Clone, Copy, Debug)]
struct List {
    start: u32,
    end: u32,
    count: u32,
    /// The address of a type's names that are equal to these; zero if none is known.
    equal: usize,
    lasting: Lasting,
}

/// Whether the names at [`List::equal`] stay what they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lasting {
    Unknown,
    /// A library has them.
    No,
    /// The program itself has them.
    Yes,
}

/// Names that have not been looked at yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rest {
    at: usize,
    pub(super) count: usize,
}

thread_local! {
    /// The lists of the thread's last messages, while none is being read.
    static KNOWN: Cell<Option<Box<Kept>>> = const { Cell::new(None) };
}

impl<'de> Lists<'de> {
    /// Splits the lists off from the end of a message.
    #[inline]
    pub(super) fn split_off(&mut self, message: &mut &'de [u8]) -> Option<()> {
        let (rest, length) = message.split_last_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (value, bytes) = rest.split_at_checked(rest.len().checked_sub(length)?)?;
        *message = value;
        // In the destructors of a thread's own variables this one may be gone.
        let kept = KNOWN.try_with(Cell::take).unwrap_or_default();
        let mut kept = kept.unwrap_or_default();
        kept.current = bytes.len() % KEPT;
        let known = &mut kept.messages[kept.current];
        self.text = match equal_text(bytes, &known.text) {
            Some(text) => {
                known.repeat();
                text
            }
            None => known.replace(bytes)?,
        };
        self.kept = Some(kept);
        Some(())
    }

    /// Leaves what is known of the lists to the next message of this thread.
    #[inline]
    pub(super) fn keep(&mut self) {
        if let Some(kept) = self.kept.take() {
            kept.keep();
        }
    }

    #[inline]
    fn known(&mut self) -> Option<&mut Known> {
        let kept = self.kept.as_mut()?;
        kept.messages.get_mut(kept.current)
    }

    /// All names of a list.
    #[inline]
    pub(super) fn names(&mut self, list: u32) -> Option<Rest> {
        let list = self.known()?.lists.get(list as usize)?;
        Some(Rest { at: list.start as usize, count: list.count as usize })
    }

    /// Whether the names `rest` of `list`, up to its end, are `expected`, byte for byte.
    #[inline]
    pub(super) fn are(&mut self, list: u32, rest: Rest, expected: &'static [&'static str]) -> bool {
        let Some(known) = self.known() else { return false };
        match known.lists.get(list as usize) {
            Some(found) if rest.count == expected.len() => {
                found.equal == expected.as_ptr().addr() || known.compare(list, rest, expected)
            }
            _ => false,
        }
    }

    /// Takes the first name of `rest`.
    #[inline]
    pub(super) fn next(&mut self, rest: &mut Rest) -> Option<&'de str> {
        let (length, start) = short(self.text.as_bytes(), rest.at)?;
        let end = start.checked_add(length)?;
        let name = self.text.get(start..end)?;
        (rest.at, rest.count) = (end, rest.count.checked_sub(1)?);
        Some(name)
    }

    /// The name number `at` of `list`, for a message.
    #[cold]
    pub(super) fn name(&mut self, list: u32, at: usize) -> Option<&'de str> {
        let mut rest = self.names(list)?;
        for _ in 0..at {
            self.next(&mut rest)?;
        }
        self.next(&mut rest)
    }
}

impl Kept {
    #[inline(never)]
    fn keep(mut self: Box<Self>) {
        let known = &mut self.messages[self.current];
        if known.text.len() > LONGEST_KEPT {
            *known = Known::default();
        }
        let _ = KNOWN.try_with(|cell| cell.set(Some(self)));
    }
}

impl Known {
    /// Another message has the same lists.
    #[inline]
    fn repeat(&mut self) {
        self.is_repeated = true;
        for list in &mut self.lists {
            if list.lasting != Lasting::Yes {
                list.equal = 0;
            }
        }
    }

    /// A message has other lists: these bytes, which it gives back as text.
    #[inline(never)]
    fn replace<'de>(&mut self, bytes: &'de [u8]) -> Option<&'de str> {
        // What is known belongs to the old text until all of the new one is read.
        self.text.clear();
        self.lists.clear();
        self.is_repeated = false;
        let text = std::str::from_utf8(bytes).ok()?;
        let mut at = 0;
        while at < bytes.len() {
            let head = bytes[at..].first_chunk::<4>()?;
            let (start, length) = (at + 4, from_sevens(head)?);
            let end = start.checked_add(length).filter(|&end| end <= bytes.len())?;
            let (count, start) = short(&bytes[..end], start)?;
            // Each name has at least a byte for its length.
            if count > end - start {
                return None;
            }
            let number = |number: usize| u32::try_from(number).ok();
            let (start, end, count) = (number(start)?, number(end)?, number(count)?);
            self.lists.push(List { start, end, count, equal: 0, lasting: Lasting::Unknown });
            at = end as usize;
        }
        self.text.push_str(text);
        Some(text)
    }

    #[inline(never)]
    fn compare(&mut self, list: u32, rest: Rest, expected: &'static [&'static str]) -> bool {
        let Some(found) = self.lists.get_mut(list as usize) else { return false };
        let names = self.text.as_bytes().get(rest.at..found.end as usize);
        let Some(mut names) = names else { return false };
        for name in expected {
            match begins_with(names, name.as_bytes()) {
                Some(behind) => names = behind,
                None => return false,
            }
        }
        found.equal = expected.as_ptr().addr();
        if self.is_repeated && found.lasting == Lasting::Unknown {
            found.lasting = lasting(expected);
        }
        true
    }
}

/// Whether the program itself has a type's names.
#[cold]
fn lasting(names: &'static [&'static str]) -> Lasting {
    let texts = names.iter().map(|name| place(name.as_bytes()));
    if program_holds(texts.chain([place(names)])) { Lasting::Yes } else { Lasting::No }
}

/// The addresses that a slice has.
pub(super) fn place<T>(slice: &[T]) -> Range<usize> {
    let Range { start, end } = slice.as_ptr_range();
    start.addr()..end.addr()
}

/// What stands behind `name` and its length, if `names` begins with them.
#[inline]
fn begins_with<'a>(names: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (&length, rest) = names.split_first()?;
    if name.len() >= usize::from(LONG_NAME) {
        let (length, start) = short(names, 0)?;
        return (length == name.len()).then(|| names[start..].strip_prefix(name)).flatten();
    }
    if usize::from(length) != name.len() {
        return None;
    }
    let (found, rest) = rest.split_at_checked(name.len())?;
    same(found, name).then_some(rest)
}

/// Whether two texts of one length are equal. Most names are short, and comparing a constant length
/// is quicker than calling for a comparison.
#[inline]
fn same(left: &[u8], right: &[u8]) -> bool {
    macro_rules! by_chunks {
        ($($size:literal $word:ty),*) => {
            $(if left.len() >= $size && left.len() <= 2 * $size {
                let ends = |text: &[u8]| {
                    let (first, last) = (text.first_chunk::<$size>()?, text.last_chunk::<$size>()?);
                    Some((<$word>::from_le_bytes(*first), <$word>::from_le_bytes(*last)))
                };
                return ends(left) == ends(right);
            })*
        };
    }
    by_chunks!(8 u64, 4 u32, 2 u16, 1 u8);
    left == right
}

/// A length or count at `at`, and where it ends.
#[inline]
fn short(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    match *bytes.get(at)? {
        LONG_NAME => {
            let long = bytes.get(at + 1..)?.first_chunk::<5>()?;
            Some((from_sevens(long)?, at + 6))
        }
        short if short < LONG_NAME => Some((usize::from(short), at + 1)),
        _ => None,
    }
}

/// The number whose bits stand in these bytes, seven in each, the lowest first.
fn from_sevens<const N: usize>(bytes: &[u8; N]) -> Option<usize> {
    bytes
        .iter()
        .rev()
        .try_fold(0_usize, |number, &byte| (byte < 0x80).then(|| number << 7 | usize::from(byte)))
}

/// A value refers to names that its message does not have.
#[cold]
pub(super) fn nameless() -> Error {
    Error::new("it refers to names that are not in the message".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lists of a message with one struct that has the fields `a` and `bc`.
    const MESSAGE: &[u8] = b"\x06\0\0\0\x02\x01a\x02bc\x0a\0\0\0";
    const FIELDS: &[&str] = &["a", "bc"];

    /// Whether a message's names are `expected`, and whether that was known before they were compared.
    fn are(message: &[u8], expected: &'static [&'static str]) -> (bool, bool) {
        let mut lists = Lists::default();
        lists.split_off(&mut &*message).expect("lists");
        let rest = lists.names(0).expect("a list");
        let known = lists.known().expect("they are").lists[0].equal == expected.as_ptr().addr();
        let are = lists.are(0, rest, expected);
        lists.keep();
        (are, known)
    }

    #[test]
    fn names_of_the_program_are_compared_once_more_and_never_again() {
        let results: Vec<_> = (0..4).map(|_| are(MESSAGE, FIELDS)).collect();
        assert_eq!(results, [(true, false), (true, false), (true, true), (true, true)]);
    }

    #[test]
    fn names_of_a_library_are_compared_in_each_message() {
        let fields: &'static [&'static str] = FIELDS.to_vec().leak();
        for _ in 0..4 {
            assert_eq!(are(MESSAGE, fields), (true, false));
        }
    }

    #[test]
    fn lists_of_one_length_are_told_apart() {
        for _ in 0..4 {
            assert!(are(MESSAGE, FIELDS).0);
            let other = b"\x06\0\0\0\x02\x01b\x02bc\x0a\0\0\0";
            assert!(!are(other, FIELDS).0);
        }
    }

    #[test]
    fn lists_that_are_broken_or_no_text_are_refused_and_forgotten() {
        let refused = |message: &[u8]| {
            let mut lists = Lists::default();
            assert!(lists.split_off(&mut &*message).is_none(), "{message:?}");
            assert!(lists.names(0).is_none());
        };
        for _ in 0..2 {
            are(MESSAGE, FIELDS);
            refused(b"\x06\0\0\0\x02\x01a\x02b\xff\x0a\0\0\0");
            refused(b"\x07\0\0\0\x02\x01a\x02bc\x0a\0\0\0");
            refused(b"\x06\0\0\0\x09\x01a\x02bc\x0a\0\0\0");
        }
    }
}
