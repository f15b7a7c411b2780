//! Reading a value.
//!
//! # Invariants
//! - Any bytes are a value or an error: no panic, and no allocation larger than the bytes.
//! - A part that its own `Deserialize` did not read is passed over, so what follows is read as what
//!   it is. Where the place is lost, the message is an error, even if the value's own code drops it.

use super::depth::{LEVELS, SURE, check_depth};
use super::error::Error;
use super::lists::{Lists, nameless};
use super::{numbers, tag};
use procession_sys::stack;
use serde::de::{Deserialize, DeserializeSeed};
use std::marker::PhantomData;

/// How many copies of a value the frames hold that read it: each function without optimization has
/// one for each step.
const COPIES: usize = if cfg!(debug_assertions) { 32 } else { 16 };

/// A message that is being read.
#[derive(Debug)]
pub(crate) struct Reader<'de> {
    pub(super) rest: &'de [u8],
    /// The tag of a number in a run, whose bytes come next; zero elsewhere.
    pub(super) pending: u8,
    /// Structs are given by name even if their names are those of the type.
    pub(super) by_name: bool,
    /// A struct's visitor took none of the fields in their order.
    pub(super) wants_names: bool,
    /// Something went wrong after which the place in the message is not known.
    lost: Option<Error>,
    depth: u32,
    floor: usize,
    pub(super) lists: Lists<'de>,
}

/// Reads a value from a whole message. With `by_name`, structs are given by their fields' names only.
#[inline]
pub(crate) fn read<'de, T: Deserialize<'de>>(
    message: &'de [u8],
    by_name: bool,
) -> Result<T, Error> {
    let mut reader = Reader::new(by_name);
    reader.open(message)?;
    let value = reader.part(PhantomData::<T>);
    reader.lists.keep();
    match value {
        Ok(value) if reader.rest.is_empty() && reader.lost.is_none() => Ok(value),
        Ok(_) => Err(reader.end().err().unwrap_or_else(nameless)),
        Err(error) => reader.read_by_name(message, error),
    }
}

impl<'de> Reader<'de> {
    #[inline]
    fn new(by_name: bool) -> Self {
        Self {
            rest: &[],
            pending: 0,
            by_name,
            wants_names: false,
            lost: None,
            depth: 0,
            floor: stack::floor(),
            lists: Lists::default(),
        }
    }

    /// Reads a message that could not be read with the fields of structs in their order.
    #[cold]
    #[inline(never)]
    fn read_by_name<T: Deserialize<'de>>(
        &self,
        message: &'de [u8],
        error: Error,
    ) -> Result<T, Error> {
        if self.by_name || !self.wants_names {
            return Err(self.with_lost(error));
        }
        // A hand-written visitor knows its fields by name only.
        let mut reader = Reader::new(true);
        reader.open(message)?;
        let value = reader.part(PhantomData::<T>)?;
        reader.lists.keep();
        reader.end().map(|()| value)
    }

    /// Begins to read a message.
    #[inline]
    fn open(&mut self, message: &'de [u8]) -> Result<(), Error> {
        let Some((&first, rest)) = message.split_first() else {
            // A call without arguments may bring no bytes at all.
            self.rest = &[tag::UNIT];
            return Ok(());
        };
        self.rest = rest;
        match first {
            tag::PLAIN => Ok(()),
            tag::NAMED => self.lists.split_off(&mut self.rest).ok_or_else(nameless),
            _ => Err(foreign(first)),
        }
    }

    /// The error of the message; an earlier one that was dropped may have caused it.
    #[cold]
    fn with_lost(&self, error: Error) -> Error {
        let (Some(lost), text) = (self.lost, error.to_string()) else { return error };
        let cause = lost.to_string();
        if lost == error || text.contains(&cause) {
            return error;
        }
        Error::new(format!("{text}; an earlier error was passed over: {cause}"))
    }

    #[cold]
    fn end(&self) -> Result<(), Error> {
        match (self.lost, self.rest.len()) {
            (Some(lost), _) => {
                Err(Error::new(format!("the `Deserialize` of a part passed over an error: {lost}")))
            }
            (None, 0) => Ok(()),
            (None, left) => Err(Error::new(format!("{left} bytes are left over"))),
        }
    }

    /// Reads a part of a value.
    #[inline]
    pub(super) fn part<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        if let Some(tag) = numbers::seeded::<S, S::Value>() {
            if let Some(vector) = self.numbers::<S::Value>(tag) {
                return vector;
            }
        }
        let before = self.rest.len();
        let value = seed.deserialize(&mut *self)?;
        if self.rest.len() == before {
            self.pass_over_unread()?;
        }
        Ok(value)
    }

    /// A type without content may not have looked at what stands for it.
    #[cold]
    #[inline(never)]
    pub(super) fn pass_over_unread(&mut self) -> Result<(), Error> {
        self.pass_over()
    }

    /// The vector of numbers that comes next, if that is what comes.
    fn numbers<T>(&mut self, expected: u8) -> Option<Result<T, Error>> {
        let mut ahead = self.rest;
        if self.pending != 0 || take_byte(&mut ahead)? != tag::SEQ {
            return None;
        }
        let bytes = run_of(&mut ahead, expected)?;
        let vector = numbers::vector_of::<T>(bytes)?;
        self.rest = ahead;
        Some(vector.map_err(|reason| self.fail(Error::new(reason))))
    }

    #[inline]
    pub(super) fn tag(&mut self) -> Result<u8, Error> {
        if self.pending != 0 {
            return Ok(std::mem::take(&mut self.pending));
        }
        match self.rest.split_first() {
            Some((&tag, rest)) => {
                self.rest = rest;
                Ok(tag)
            }
            None => Err(self.fail(ended())),
        }
    }

    /// The bytes of a number outside of a run, if one with this tag comes next.
    #[inline]
    pub(super) fn tagged<const N: usize>(&mut self, tag: u8) -> Option<&'de [u8; N]> {
        let (&first, rest) = self.rest.split_first()?;
        let (bytes, rest) = rest.split_first_chunk::<N>()?;
        if self.pending != 0 || first != tag {
            return None;
        }
        self.rest = rest;
        Some(bytes)
    }

    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<&'de [u8; N], Error> {
        match self.rest.split_first_chunk::<N>() {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
            }
            None => Err(self.fail(ended())),
        }
    }

    #[inline]
    pub(super) fn number_u32(&mut self) -> Result<u32, Error> {
        self.array().map(|bytes| u32::from_le_bytes(*bytes))
    }

    /// A length in bytes, or a count of elements with a byte each at least: as many are there.
    #[inline]
    pub(super) fn length(&mut self) -> Result<usize, Error> {
        let length = take_length(&mut self.rest).filter(|&length| length <= self.rest.len());
        length.ok_or_else(|| self.fail(ended()))
    }

    #[inline]
    pub(super) fn bytes(&mut self) -> Result<&'de [u8], Error> {
        let length = self.length()?;
        let (bytes, rest) = self.rest.split_at(length);
        self.rest = rest;
        Ok(bytes)
    }

    #[inline]
    pub(super) fn text(&mut self) -> Result<&'de str, Error> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map_err(|error| self.fail(Error::new(error.to_string())))
    }

    /// Notes that the place in the message is not known any more.
    #[cold]
    #[inline(never)]
    pub(super) fn fail(&mut self, error: Error) -> Error {
        self.lost.get_or_insert(error);
        error
    }

    /// Goes one level deeper, to read a `T`.
    #[inline]
    fn enter<T>(&mut self) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > LEVELS || self.depth == SURE {
            self.look_again(0)?;
        }
        self.wrap::<T>()
    }

    /// Refuses to read a `T` where the stack ends.
    #[inline]
    pub(super) fn wrap<T>(&mut self) -> Result<(), Error> {
        let frames = const { if size_of::<T>() > 1 << 10 { size_of::<T>() * COPIES } else { 0 } };
        if stack::here().wrapping_sub(frames) < self.floor {
            return self.look_again(frames);
        }
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn look_again(&mut self, frames: usize) -> Result<(), Error> {
        let checked = check_depth(self.depth, frames, &mut self.floor);
        checked.map_err(|error| self.fail(error))
    }

    /// Runs a visitor over the parts of a value, all of which it has to take.
    #[inline]
    pub(super) fn within<T>(
        &mut self,
        visit: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.enter::<T>()?;
        match visit(self) {
            Ok(value) => {
                self.depth -= 1;
                Ok(value)
            }
            Err(error) => Err(self.fail(error)),
        }
    }
}

/// A byte and what follows it.
pub(super) fn take_byte(from: &mut &[u8]) -> Option<u8> {
    let (&byte, rest) = from.split_first()?;
    *from = rest;
    Some(byte)
}

#[inline]
pub(super) fn take_length(from: &mut &[u8]) -> Option<usize> {
    let (short, rest) = from.split_first_chunk()?;
    let short = u32::from_le_bytes(*short);
    *from = rest;
    if short != tag::ESCAPE {
        return usize::try_from(short).ok();
    }
    let (long, rest) = from.split_first_chunk()?;
    *from = rest;
    usize::try_from(u64::from_le_bytes(*long)).ok()
}

/// The bytes of a sequence that has only numbers of one type; its tag has been read.
pub(super) fn run_of<'de>(from: &mut &'de [u8], number: u8) -> Option<&'de [u8]> {
    let count = take_length(from)?;
    if count == 0 {
        return Some(&[]);
    }
    let tag = take_byte(from)?;
    let is_run = tag == number | tag::RUN && take_length(from)? == count;
    if !is_run && (tag != number || count > 1) {
        return None;
    }
    let (bytes, rest) = from.split_at_checked(count.checked_mul(tag::width(number))?)?;
    *from = rest;
    Some(bytes)
}

#[cold]
pub(super) fn ended() -> Error {
    Error::new("the message ends within it".into())
}

#[cold]
fn foreign(first: u8) -> Error {
    Error::new(format!("no message begins with {first:#04x}"))
}

#[cold]
pub(super) fn unknown(tag: u8) -> Error {
    Error::new(format!("{tag:#04x} stands for nothing there"))
}
