//! Reading values that have parts: what a visitor takes them from.

use super::error::{Error, Step};
use super::lists::{Rest, nameless};
use super::reader::Reader;
use super::{numbers, tag};
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, DeserializeSeed};
use std::any::type_name;

/// The elements of a sequence.
#[derive(Debug)]
pub(super) struct Elements<'a, 'de> {
    reader: &'a mut Reader<'de>,
    left: usize,
    count: usize,
    /// The tag of the run that is being read, and its numbers that are left.
    run: u8,
    numbers: &'de [u8],
}

impl<'a, 'de> Elements<'a, 'de> {
    #[inline]
    pub(super) fn new(reader: &'a mut Reader<'de>, count: usize) -> Self {
        Self { reader, left: count, count, run: 0, numbers: &[] }
    }

    #[inline]
    pub(super) fn end(self) -> Result<(), Error> {
        if self.left > 0 { Err(left_over(self.left, "elements")) } else { Ok(()) }
    }

    /// The next element, a number that may have been written with this tag.
    #[inline]
    fn next_number<S: DeserializeSeed<'de>>(
        &mut self,
        tag: u8,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        let number = if self.run == tag {
            numbers::take(&mut self.numbers)
        } else if self.run == 0 && self.left > 0 {
            numbers::take_tagged(tag, &mut self.reader.rest)
        } else {
            None
        };
        match number {
            Some(number) => {
                self.left -= 1;
                Ok(Some(number))
            }
            None => self.next_other(seed),
        }
    }

    #[inline(never)]
    fn next_other<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        self.next_value(seed)
    }

    /// The next element; a run may begin with it.
    #[inline]
    fn next_value<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        if self.numbers.is_empty() {
            match self.reader.rest.first() {
                Some(&tag) if tag & tag::RUN != 0 => {
                    self.run = tag & !tag::RUN;
                    self.numbers = take_run(self.reader, self.left)?;
                }
                _ => {}
            }
        }
        let is_in_run = !self.numbers.is_empty();
        if is_in_run {
            std::mem::swap(&mut self.numbers, &mut self.reader.rest);
            self.reader.pending = self.run;
        }
        let value = self.reader.part(seed);
        if is_in_run {
            std::mem::swap(&mut self.numbers, &mut self.reader.rest);
        }
        match value {
            Ok(value) => {
                self.left -= 1;
                Ok(Some(value))
            }
            Err(error) => {
                let step = Step::Index(self.count - self.left);
                Err(failed(self.reader, error, step, type_name::<S::Value>()))
            }
        }
    }
}

/// Takes the numbers of a run, whose tag comes next, from a sequence with these many elements left.
#[inline(never)]
fn take_run<'de>(reader: &mut Reader<'de>, left: usize) -> Result<&'de [u8], Error> {
    let width = tag::width(reader.tag()? & !tag::RUN);
    let count = reader.length()?;
    let bytes = count.checked_mul(width).filter(|&bytes| bytes > 0 && count <= left);
    match bytes.and_then(|bytes| reader.rest.split_at_checked(bytes)) {
        Some((numbers, rest)) => {
            reader.rest = rest;
            Ok(numbers)
        }
        None => Err(reader.fail(Error::new("a run of numbers is not as it should be".into()))),
    }
}

#[cold]
fn failed(reader: &mut Reader<'_>, error: Error, step: Step, part: &'static str) -> Error {
    reader.fail(error).at(step, part)
}

#[cold]
fn left_over(count: usize, what: &str) -> Error {
    Error::new(format!("{count} {what} are left over"))
}

impl<'de> de::SeqAccess<'de> for &mut Elements<'_, 'de> {
    type Error = Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        match numbers::of_seed::<S, S::Value>() {
            Some(number) => self.next_number(number, seed),
            None => self.next_value(seed),
        }
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// The entries of a map.
#[derive(Debug)]
pub(super) struct Entries<'a, 'de> {
    reader: &'a mut Reader<'de>,
    left: usize,
    count: usize,
    /// Where the key begins whose value comes next.
    key: Option<&'de [u8]>,
}

impl<'a, 'de> Entries<'a, 'de> {
    #[inline]
    pub(super) fn new(reader: &'a mut Reader<'de>, count: usize) -> Self {
        Self { reader, left: count, count, key: None }
    }

    #[inline]
    pub(super) fn end(mut self) -> Result<(), Error> {
        self.pass_over_value()?;
        if self.left > 0 { Err(left_over(self.left, "entries")) } else { Ok(()) }
    }

    /// A visitor may take a key and leave its value.
    #[inline]
    fn pass_over_value(&mut self) -> Result<(), Error> {
        if self.key.take().is_some() { self.reader.pass_over() } else { Ok(()) }
    }

    #[cold]
    fn failed(&mut self, error: Error, part: &'static str) -> Error {
        let index = self.count - self.left - usize::from(self.key.is_some());
        let step = match self.key {
            Some(key) => super::error::describe_key(key, index),
            None => Step::Index(index),
        };
        self.reader.fail(error).at(step, part)
    }
}

impl<'de> de::MapAccess<'de> for &mut Entries<'_, 'de> {
    type Error = Error;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        self.pass_over_value()?;
        if self.left == 0 {
            return Ok(None);
        }
        let begin = self.reader.rest;
        match self.reader.part(seed) {
            Ok(key) => {
                self.left -= 1;
                self.key = Some(begin);
                Ok(Some(key))
            }
            Err(error) => Err(self.failed(error, type_name::<S::Value>())),
        }
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        if self.key.is_none() {
            return Err(self.reader.fail(valueless()));
        }
        match self.reader.part(seed) {
            Ok(value) => {
                self.key = None;
                Ok(value)
            }
            Err(error) => Err(self.failed(error, type_name::<S::Value>())),
        }
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

#[cold]
pub(super) fn valueless() -> Error {
    Error::new("a value was asked for before its key".into())
}

/// The fields of a struct, in the order of its type.
#[derive(Debug)]
pub(super) struct Fields<'a, 'de> {
    reader: &'a mut Reader<'de>,
    /// What is left of the message, while a number is read.
    rest: &'de [u8],
    left: usize,
    count: usize,
    list: u32,
    is_variant: bool,
}

impl<'a, 'de> Fields<'a, 'de> {
    #[inline]
    pub(super) fn new(
        reader: &'a mut Reader<'de>,
        list: u32,
        count: usize,
        is_variant: bool,
    ) -> Self {
        Self { rest: reader.rest, reader, left: count, count, list, is_variant }
    }

    #[inline]
    pub(super) fn end(self) -> Result<(), Error> {
        self.reader.rest = self.rest;
        if self.left > 0 { Err(left_over(self.left, "fields")) } else { Ok(()) }
    }

    /// The next field, a number that may have been written with this tag.
    #[inline]
    fn next_number<S: DeserializeSeed<'de>>(
        &mut self,
        tag: u8,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        match numbers::take_tagged(tag, &mut self.rest) {
            Some(number) => {
                self.left -= 1;
                Ok(Some(number))
            }
            None => self.next_value(seed),
        }
    }

    #[inline]
    fn next_value<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        self.reader.rest = self.rest;
        match self.reader.part(seed) {
            Ok(value) => {
                self.rest = self.reader.rest;
                self.left -= 1;
                Ok(Some(value))
            }
            Err(error) => {
                let index = self.count - self.left + usize::from(self.is_variant);
                let part = type_name::<S::Value>();
                Err(field_failed(self.reader, error, (self.list, index), part))
            }
        }
    }
}

#[cold]
fn field_failed(
    reader: &mut Reader<'_>,
    error: Error,
    (list, index): (u32, usize),
    part: &'static str,
) -> Error {
    let name = reader.lists.name(list, index).unwrap_or_default();
    failed(reader, error, Step::Field(name.into()), part)
}

impl<'de> de::SeqAccess<'de> for &mut Fields<'_, 'de> {
    type Error = Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        match (self.left, numbers::of_seed::<S, S::Value>()) {
            (0, _) => Ok(None),
            (_, Some(number)) => self.next_number(number, seed),
            (_, None) => self.next_value(seed),
        }
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// The fields of a struct, each with its name.
#[derive(Debug)]
pub(super) struct Named<'a, 'de> {
    reader: &'a mut Reader<'de>,
    names: Rest,
    /// The field whose value comes next.
    owed: Option<&'de str>,
}

impl<'a, 'de> Named<'a, 'de> {
    #[inline]
    pub(super) fn new(reader: &'a mut Reader<'de>, names: Rest) -> Self {
        Self { reader, names, owed: None }
    }

    pub(super) fn end(mut self) -> Result<(), Error> {
        match self.next_name()? {
            None => Ok(()),
            Some(_) => Err(left_over(self.names.count + 1, "fields")),
        }
    }

    /// The name of the next field that was written.
    fn next_name(&mut self) -> Result<Option<&'de str>, Error> {
        if self.owed.take().is_some() {
            self.reader.pass_over()?;
        }
        while self.names.count > 0 {
            let name = self.reader.lists.next(&mut self.names);
            let name = name.ok_or_else(|| self.reader.fail(nameless()))?;
            match self.reader.rest.split_first() {
                Some((&tag::SKIPPED, rest)) => self.reader.rest = rest,
                _ => return Ok(Some(name)),
            }
        }
        Ok(None)
    }
}

impl<'de> de::MapAccess<'de> for &mut Named<'_, 'de> {
    type Error = Error;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        let Some(name) = self.next_name()? else { return Ok(None) };
        self.owed = Some(name);
        let key = seed.deserialize(BorrowedStrDeserializer::<Error>::new(name));
        key.map(Some).map_err(|error| self.reader.fail(error))
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let Some(name) = self.owed.take() else { return Err(self.reader.fail(valueless())) };
        match self.reader.part(seed) {
            Ok(value) => Ok(value),
            Err(error) => {
                let step = Step::Field(name.into());
                Err(self.reader.fail(error).at(step, type_name::<S::Value>()))
            }
        }
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.names.count)
    }
}
