//! Writing a value.
//!
//! # Invariants
//! - A value that cannot be written is an error, and what was written of it is taken back.

use super::depth::{LEVELS, SURE, check_depth};
use super::error::Error;
use super::names::Names;
use super::{numbers, tag};
use procession_sys::stack;
use serde::ser::Serialize;

/// A message that is being written.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    pub(super) out: &'a mut Vec<u8>,
    /// How many values this one lies in.
    depth: u32,
    /// The lowest address that the stack may reach.
    floor: usize,
    /// The lists of names, from the first value that needs one.
    names: Option<Box<Names>>,
    /// A part could not be written, so what was written of it is no value.
    lost: Option<Error>,
}

/// Writes a message behind what `out` has.
#[inline]
pub(crate) fn write<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<(), Error> {
    let start = out.len();
    out.push(tag::PLAIN);
    let floor = stack::floor();
    let mut writer = Writer { out, depth: 0, floor, names: None, lost: None };
    let written = writer.value(value);
    writer.finish(start, written)
}

impl Writer<'_> {
    #[inline]
    fn finish(&mut self, start: usize, written: Result<(), Error>) -> Result<(), Error> {
        let mut written = written.and_then(|()| self.lost.map_or(Ok(()), Err));
        if let Some(mut names) = self.names.take() {
            self.out[start] = tag::NAMED;
            written = written.and_then(|()| names.write(self.out));
            names.keep();
        }
        if written.is_err() {
            self.out.truncate(start);
        }
        written
    }

    /// Writes a part of a value.
    #[inline]
    pub(super) fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        if let Some((tag, bytes)) = numbers::bytes_of(value) {
            self.numbers(tag, bytes);
            return Ok(());
        }
        value.serialize(self)
    }

    /// A vector of numbers, as the bytes it is.
    #[inline(never)]
    fn numbers(&mut self, tag: u8, bytes: &[u8]) {
        let width = tag::width(tag);
        let count = bytes.len() / width;
        self.out.reserve(bytes.len() + 32);
        self.tag(tag::SEQ);
        self.length(count);
        match count {
            0 => {}
            // A run has at least two numbers.
            1 => self.out.push(tag),
            _ => {
                self.out.push(tag | tag::RUN);
                self.length(count);
            }
        }
        self.out.extend_from_slice(bytes);
    }

    #[inline]
    pub(super) fn tag(&mut self, tag: u8) {
        self.out.push(tag);
    }

    /// A tag and four bytes behind it.
    #[inline]
    pub(super) fn head(&mut self, tag: u8, number: u32) {
        let word = u64::from(number) << 8 | u64::from(tag);
        self.out.extend_from_slice(&word.to_le_bytes()[..5]);
    }

    #[inline]
    pub(super) fn length(&mut self, length: usize) {
        match u32::try_from(length) {
            Ok(short) if short != tag::ESCAPE => self.out.extend_from_slice(&short.to_le_bytes()),
            _ => {
                self.out.extend_from_slice(&tag::ESCAPE.to_le_bytes());
                self.out.extend_from_slice(&(length as u64).to_le_bytes());
            }
        }
    }

    /// Puts a number where four bytes were kept for it.
    #[inline]
    pub(super) fn patch(&mut self, at: usize, number: u32) {
        if let Some(place) = self.out.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
            *place = number.to_le_bytes();
        }
    }

    /// A tag and a number, put together in a register.
    #[inline]
    pub(super) fn number<const N: usize>(&mut self, tag: u8, bytes: [u8; N]) {
        let mut word = [0; 16];
        if N < word.len() {
            word[..N].copy_from_slice(&bytes);
            let word = u128::from_le_bytes(word) << 8 | u128::from(tag);
            self.out.extend_from_slice(&word.to_le_bytes()[..=N]);
        } else {
            self.out.push(tag);
            self.out.extend_from_slice(&bytes);
        }
    }

    /// Begins a run; gives where its count stands.
    #[inline]
    pub(super) fn begin_run(&mut self, tag: u8) -> usize {
        self.head(tag | tag::RUN, 0);
        self.out.len() - 4
    }

    /// A tag and the bytes of a number.
    #[inline]
    pub(super) fn number_of(&mut self, tag: u8, bytes: &[u8]) {
        match bytes.first_chunk() {
            Some(eight) if bytes.len() == 8 => self.number::<8>(tag, *eight),
            _ => {
                self.tag(tag);
                self.out.extend_from_slice(bytes);
            }
        }
    }

    #[inline]
    pub(super) fn text(&mut self, tag: u8, bytes: &[u8]) {
        match u32::try_from(bytes.len()) {
            Ok(length) if length != tag::ESCAPE => self.head(tag, length),
            _ => {
                self.tag(tag);
                self.length(bytes.len());
            }
        }
        self.out.extend_from_slice(bytes);
    }

    /// Notes that a part could not be written, even if the value's own code drops the error.
    #[cold]
    pub(super) fn fail(&mut self, error: Error) -> Error {
        self.lost.get_or_insert(error);
        error
    }

    /// Goes one level deeper; `leave` comes back.
    #[inline]
    pub(super) fn enter(&mut self) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > LEVELS || self.depth == SURE || stack::here() < self.floor {
            return self.enter_deep();
        }
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn enter_deep(&mut self) -> Result<(), Error> {
        check_depth(self.depth, 0, &mut self.floor)
    }

    #[inline]
    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Refuses to go on where the stack ends; for values that wrap one other.
    #[inline]
    pub(super) fn wrap(&mut self) -> Result<(), Error> {
        if stack::here() < self.floor { self.enter_deep() } else { Ok(()) }
    }

    /// The lists of names of the message.
    #[inline]
    pub(super) fn names(&mut self) -> &mut Names {
        match &mut self.names {
            Some(names) => names,
            names => first_names(names),
        }
    }

    #[inline]
    pub(super) fn variant(&mut self, tag: u8, variant: &'static str) {
        let list = self.names().of_variant(variant);
        self.head(tag, list);
    }
}

#[cold]
#[inline(never)]
fn first_names(names: &mut Option<Box<Names>>) -> &mut Names {
    names.insert(Names::of_thread())
}
