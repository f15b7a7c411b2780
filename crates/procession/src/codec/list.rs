//! One list of names, as a message that is being written has it.
//!
//! # Invariants
//! - The names of a list never change once it exists.
//! - Names are compared by address and length. In the program itself that says that the texts are
//!   equal. A library can be replaced by another one at the same addresses, so a list says whether the
//!   program has its names.

use super::lists::place;
use super::tag::LONG_NAME;
use procession_sys::image::program_holds;

/// What a list belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A struct: the names are its fields.
    Struct,
    /// A variant without named fields: the one name is the variant's.
    Variant,
    /// A variant with named fields: its name comes first.
    StructVariant,
}

/// The names of one struct, or of one variant and its fields.
#[derive(Debug)]
pub(super) struct List {
    pub(super) owner: Owner,
    /// The entry with its first name.
    pub(super) start: usize,
    /// The list that was added before this one to the same group.
    pub(super) older: Option<usize>,
    /// The list as it stands in a message.
    pub(super) text: Vec<u8>,
    /// Whether the program itself has all the names.
    pub(super) is_lasting: bool,
    /// The message that refers to this list, and the list's number there.
    pub(super) place: (u64, u32),
}

/// One of the names of all lists.
#[derive(Clone, Copy, Debug)]
pub(super) enum Entry {
    Name(&'static str),
    /// The list with this number ends here.
    End(usize),
}

impl Entry {
    pub(super) fn name(&self) -> Option<&'static str> {
        match *self {
            Self::Name(name) => Some(name),
            Self::End(_) => None,
        }
    }
}

/// The struct or variant that a list belongs to, by its name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner {
    pub(super) kind: Kind,
    pub(super) subject: &'static str,
}

#[inline]
pub(super) fn same(left: &'static str, right: &'static str) -> bool {
    std::ptr::eq(left, right)
}

impl Owner {
    #[inline]
    pub(super) fn is(&self, other: &Self) -> bool {
        self.kind == other.kind && same(self.subject, other.subject)
    }

    /// How many names a list has before those of the fields.
    pub(super) fn before_fields(&self) -> usize {
        usize::from(self.kind == Kind::StructVariant)
    }

    #[inline]
    pub(super) fn group(&self, groups: usize) -> usize {
        let address = self.subject.as_ptr().addr();
        (address >> 2 ^ address >> 9) % groups
    }
}

/// Whether a list has these names first.
pub(super) fn begins_with(list: &[Entry], names: &[&'static str]) -> bool {
    let mut pairs = list.iter().zip(names);
    list.len() >= names.len()
        && pairs.all(|(entry, name)| entry.name().is_some_and(|found| same(found, name)))
}

/// Whether a list has these names and no other.
pub(super) fn are_same(list: &[Entry], names: &[&'static str]) -> bool {
    begins_with(list, names) && matches!(list.get(names.len()), Some(Entry::End(_)))
}

impl List {
    pub(super) fn new(
        owner: Owner,
        names: &[&'static str],
        start: usize,
        older: Option<usize>,
    ) -> Self {
        let is_lasting = program_holds(names.iter().map(|name| place(name.as_bytes())));
        Self { owner, start, older, text: Self::text(names), is_lasting, place: (0, 0) }
    }

    /// The list as it stands in a message; nothing if it is too long for that.
    pub(super) fn text(names: &[&'static str]) -> Vec<u8> {
        let mut text = vec![0; 4];
        write_short(&mut text, names.len());
        for name in names {
            write_short(&mut text, name.len());
            text.extend_from_slice(name.as_bytes());
        }
        let length = text.len() - 4;
        if length >= 1 << 28 {
            return Vec::new();
        }
        text[..4].copy_from_slice(&sevens::<4>(length as u64));
        text
    }
}

/// A length or count in one byte, or in six if it is long. All bytes are ASCII, so that the
/// names with their lengths are one text.
fn write_short(out: &mut Vec<u8>, number: usize) {
    match u8::try_from(number) {
        Ok(short) if short < LONG_NAME => out.push(short),
        _ => {
            out.push(LONG_NAME);
            out.extend_from_slice(&sevens::<5>(number as u64));
        }
    }
}

/// The lowest bits of a number, seven in each byte, the lowest first.
fn sevens<const N: usize>(number: u64) -> [u8; N] {
    std::array::from_fn(|at| (number >> (7 * at) & 0x7f) as u8)
}
