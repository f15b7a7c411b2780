//! The names in a message that is being read.

use super::error::Error;
use super::tag::LONG_NAME;

/// How many lists are kept without an allocation.
const NEAR: usize = 2;

/// The lists of a message, as [`Names`](super::names::Names) wrote them.
#[derive(Debug, Default)]
pub(super) struct Lists<'de> {
    bytes: &'de [u8],
    /// `bytes`, once it is known to be text.
    text: Option<&'de str>,
    near: [List; NEAR],
    /// Those behind the first four.
    far: Vec<List>,
    count: usize,
}

/// One list: its names stand one behind the other.
#[derive(Clone, Copy, Debug, Default)]
struct List {
    start: u32,
    end: u32,
    count: u32,
    /// The address of a type's names that were found equal to these.
    equal: usize,
}

/// Names that have not been looked at yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rest {
    at: usize,
    pub(super) count: usize,
}

impl<'de> Lists<'de> {
    /// Splits the lists off from the end of a message, and keeps them.
    #[inline]
    pub(super) fn split_off(&mut self, message: &mut &'de [u8]) -> Option<()> {
        let (rest, length) = message.split_last_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (value, bytes) = rest.split_at_checked(rest.len().checked_sub(length)?)?;
        (self.bytes, *message) = (bytes, value);
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
            let (start, count) = (number(start)?, number(count)?);
            let list = List { start, end: number(end)?, count, equal: 0 };
            match self.near.get_mut(self.count) {
                Some(near) => *near = list,
                None => self.far.push(list),
            }
            self.count += 1;
            at = end;
        }
        Some(())
    }

    #[inline]
    fn list(&mut self, list: u32) -> Option<&mut List> {
        let list = list as usize;
        if list >= self.count {
            return None;
        }
        match self.near.get_mut(list) {
            Some(near) => Some(near),
            None => self.far.get_mut(list - NEAR),
        }
    }

    /// All names of a list.
    #[inline]
    pub(super) fn names(&mut self, list: u32) -> Option<Rest> {
        self.list(list).map(|list| Rest { at: list.start as usize, count: list.count as usize })
    }

    /// Whether the names `rest` of `list`, up to its end, are `expected`, byte for byte.
    #[inline]
    pub(super) fn are(&mut self, list: u32, rest: Rest, expected: &'static [&'static str]) -> bool {
        let address = expected.as_ptr().addr();
        match self.list(list) {
            Some(found) if rest.count == expected.len() => {
                found.equal == address || self.compare(list, rest, expected)
            }
            _ => false,
        }
    }

    #[inline(never)]
    fn compare(&mut self, list: u32, rest: Rest, expected: &'static [&'static str]) -> bool {
        let bytes = self.bytes;
        let Some(found) = self.list(list) else { return false };
        let Some(mut names) = bytes.get(rest.at..found.end as usize) else { return false };
        for name in expected {
            match begins_with(names, name.as_bytes()) {
                Some(behind) => names = behind,
                None => return false,
            }
        }
        found.equal = expected.as_ptr().addr();
        true
    }

    /// Takes the first name of `rest`.
    pub(super) fn next(&mut self, rest: &mut Rest) -> Option<&'de str> {
        let text = match self.text {
            Some(text) => text,
            None => *self.text.insert(std::str::from_utf8(self.bytes).ok()?),
        };
        let (length, start) = short(self.bytes, rest.at)?;
        let end = start.checked_add(length)?;
        let name = text.get(start..end)?;
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
    by_chunks!(8 u64, 4 u32, 2 u16);
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
