//! The names in a message that is being written: lists of fields and variants.
//!
//! A list is what one struct, or one variant with its fields, is written with. It stands once in a
//! message, behind the value, and the value refers to it by number.
//!
//! # Invariants
//! - A list that a finished struct refers to never changes again.
//! - Names are compared by address and length, which says that the texts are equal; names that are
//!   equal at different addresses make two lists, which is right as well.

use super::error::Error;
use super::tag::LONG_NAME;
use std::cell::Cell;

/// How many lists are found at once by the address of their type's name.
const NEAR: usize = 64;

/// The names of one struct, or of one variant and its fields.
#[derive(Debug, Default)]
pub(super) struct List {
    /// The name of the struct or variant: where a search begins, no more.
    subject: &'static str,
    kind: Kind,
    names: Vec<&'static str>,
    /// The names as they stand in the message, each behind its length.
    text: Vec<u8>,
    /// A struct or variant with this list is finished, so the list is.
    closed: bool,
}

/// What a list belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// A struct: the names are its fields.
    #[default]
    Struct,
    /// A variant without named fields: the one name is the variant's.
    Variant,
    /// A variant with named fields: its name comes first.
    StructVariant,
}

/// The lists of a message.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// The first `used` are those of the message; the others keep their memory for later.
    lists: Vec<List>,
    used: usize,
    /// By a hash of the subject's address: the list last used for it.
    near: Vec<u32>,
}

thread_local! {
    /// The memory of the last message's lists.
    static SPARE: Cell<Names> = const {
        Cell::new(Names { lists: Vec::new(), used: 0, near: Vec::new() })
    };
}

#[inline]
fn same(left: &'static str, right: &'static str) -> bool {
    std::ptr::eq(left, right)
}

impl Names {
    /// Without lists, in the memory of the thread's last message.
    #[inline]
    pub(super) fn reuse(&mut self) {
        // In the destructors of a thread's own variables there may be no spare memory any more.
        if let Ok(spare) = SPARE.try_with(Cell::take) {
            *self = spare;
        }
        self.used = 0;
        if self.near.is_empty() {
            self.near = vec![0; NEAR];
        }
    }

    /// Leaves its memory to the next message of this thread.
    #[inline]
    pub(super) fn spare(self) {
        let _ = SPARE.try_with(|spare| spare.set(self));
    }

    /// The list to begin with for a subject of this kind: the last one used for it.
    #[inline]
    pub(super) fn begin(&mut self, kind: Kind, subject: &'static str) -> usize {
        let slot = (subject.as_ptr().addr() >> 2 ^ subject.as_ptr().addr() >> 9) % NEAR;
        if let Some(&near) = self.near.get(slot) {
            let near = near as usize;
            let fits = |list: &List| list.kind == kind && same(list.subject, subject);
            if near < self.used && self.lists.get(near).is_some_and(fits) {
                return near;
            }
        }
        self.begin_elsewhere(kind, subject, slot)
    }

    #[inline(never)]
    fn begin_elsewhere(&mut self, kind: Kind, subject: &'static str, slot: usize) -> usize {
        let fits = |list: &List| list.kind == kind && same(list.subject, subject);
        let found = self.lists[..self.used].iter().rposition(fits);
        let list = found.unwrap_or_else(|| self.add(kind, subject));
        if found.is_none() && kind != Kind::Struct {
            self.lists[list].push(subject);
            self.lists[list].closed = kind == Kind::Variant;
        }
        // A list beyond this number is searched for each time.
        self.near[slot] = u32::try_from(list).unwrap_or(u32::MAX);
        list
    }

    fn add(&mut self, kind: Kind, subject: &'static str) -> usize {
        if self.used == self.lists.len() {
            self.lists.push(List::default());
        }
        let list = &mut self.lists[self.used];
        (list.kind, list.subject, list.closed) = (kind, subject, false);
        list.names.clear();
        list.text.clear();
        self.used += 1;
        self.used - 1
    }

    /// Whether `name` is the name number `at` of `list`. It becomes that if the list ends there and
    /// is still open.
    #[inline]
    pub(super) fn has(&mut self, list: usize, at: usize, name: &'static str) -> bool {
        let list = &mut self.lists[list];
        if let Some(&found) = list.names.get(at) {
            return same(found, name);
        }
        if list.closed || list.names.len() != at {
            return false;
        }
        list.push(name);
        true
    }

    /// A list that begins with the first `at` names of `list`, with `name` behind them.
    #[cold]
    pub(super) fn other(&mut self, list: usize, at: usize, name: &'static str) -> usize {
        let fits = |other: &List, this: &List| {
            let behind = other.names.get(at);
            other.begins_like(this, at)
                && behind.map_or(!other.closed, |&behind| same(behind, name))
        };
        let found = (0..self.used).find(|&other| fits(&self.lists[other], &self.lists[list]));
        let other = found.unwrap_or_else(|| self.copy(list, at));
        if self.lists[other].names.len() == at {
            self.lists[other].push(name);
        }
        other
    }

    /// The list of a finished struct or variant: that with the first `at` names of `list` and no
    /// others.
    #[inline]
    pub(super) fn finish(&mut self, list: usize, at: usize) -> usize {
        let found = &mut self.lists[list];
        if found.names.len() != at {
            return self.finish_shorter(list, at);
        }
        found.closed = true;
        list
    }

    #[cold]
    fn finish_shorter(&mut self, list: usize, at: usize) -> usize {
        let fits =
            |other: &List, this: &List| other.names.len() == at && other.begins_like(this, at);
        let found = (0..self.used).find(|&other| fits(&self.lists[other], &self.lists[list]));
        let other = found.unwrap_or_else(|| self.copy(list, at));
        self.lists[other].closed = true;
        other
    }

    /// A new list with the first `at` names of `list`.
    fn copy(&mut self, list: usize, at: usize) -> usize {
        let (kind, subject) = (self.lists[list].kind, self.lists[list].subject);
        let other = self.add(kind, subject);
        for name in 0..at {
            let name = self.lists[list].names[name];
            self.lists[other].push(name);
        }
        other
    }

    /// Writes the lists behind a value; the README says how.
    pub(super) fn write(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        let start = out.len();
        for list in &self.lists[..self.used] {
            let at = out.len();
            out.extend_from_slice(&[0; 4]);
            write_short(out, list.names.len());
            out.extend_from_slice(&list.text);
            let length = out.len() - at - 4;
            if length >= 1 << 28 {
                return Err(Error::new(format!("the names of `{}` are too long", list.subject)));
            }
            out[at..at + 4].copy_from_slice(&sevens::<4>(length as u64));
        }
        let length = out.len() - start;
        let length = u32::try_from(length).map_err(|_| Error::new("too many names".into()))?;
        out.extend_from_slice(&length.to_le_bytes());
        Ok(())
    }
}

/// The number of a list, as a value refers to it. There is no memory for more lists.
#[inline]
pub(super) fn number_of(list: usize) -> u32 {
    u32::try_from(list).unwrap_or(u32::MAX)
}

impl List {
    #[inline]
    fn push(&mut self, name: &'static str) {
        self.names.push(name);
        let Some(padded) = padded(name.as_bytes()) else {
            write_short(&mut self.text, name.len());
            self.text.extend_from_slice(name.as_bytes());
            return;
        };
        let mut both = [0; 17];
        both[0] = u8::try_from(name.len()).unwrap_or(LONG_NAME);
        both[1..].copy_from_slice(&padded);
        let at = self.text.len();
        self.text.extend_from_slice(&both);
        self.text.truncate(at + 1 + name.len());
    }

    fn begins_like(&self, other: &Self, length: usize) -> bool {
        self.kind == other.kind
            && same(self.subject, other.subject)
            && self.names.len() >= length
            && self.names[..length].iter().zip(&other.names).all(|(a, b)| same(a, b))
    }
}

/// A length or count in one byte, or in six where it is long. All bytes are ASCII, so that the
/// names with their lengths are one text.
#[inline]
fn write_short(out: &mut Vec<u8>, number: usize) {
    match u8::try_from(number) {
        Ok(short) if short < LONG_NAME => out.push(short),
        _ => {
            out.push(LONG_NAME);
            out.extend_from_slice(&sevens::<5>(number as u64));
        }
    }
}

/// The first 16 bytes of a text that has no more. Copying constant lengths is quicker than calling for
/// a copy.
#[inline]
fn padded(text: &[u8]) -> Option<[u8; 16]> {
    let (mut padded, length) = ([0; 16], text.len());
    if length > 16 {
        return None;
    }
    if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        padded[..8].copy_from_slice(first);
        padded[length - 8..length].copy_from_slice(last);
    } else if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        padded[..4].copy_from_slice(first);
        padded[length - 4..length].copy_from_slice(last);
    } else if let (Some(first), Some(last)) = (text.first(), text.last()) {
        padded[0] = *first;
        padded[length / 2] = text[length / 2];
        padded[length - 1] = *last;
    }
    Some(padded)
}

/// The lowest bits of a number, seven in each byte, the lowest first.
fn sevens<const N: usize>(number: u64) -> [u8; N] {
    std::array::from_fn(|at| (number >> (7 * at) & 0x7f) as u8)
}
