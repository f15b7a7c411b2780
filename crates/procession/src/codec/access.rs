//! Reading values that have parts: what a visitor takes them from.

use super::error::{Error, Step};
use super::lists::{Rest, nameless};
use super::reader::Reader;
use super::tag;
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, DeserializeSeed};
use std::any::type_name;

/// The elements of a sequence.
#[derive(Debug)]
pub(super) struct Elements<'a, 'de> {
    reader: &'a mut Reader<'de>,
    left: usize,
    count: usize,
    /// The tag of the run that is being read, and how many of its numbers are left.
    run: u8,
    run_left: usize,
}

impl<'a, 'de> Elements<'a, 'de> {
    #[inline]
    pub(super) fn new(reader: &'a mut Reader<'de>, count: usize) -> Self {
        Self { reader, left: count, count, run: 0, run_left: 0 }
    }

    #[inline]
    pub(super) fn end(self) -> Result<(), Error> {
        if self.left > 0 { Err(left_over(self.left, "elements")) } else { Ok(()) }
    }

    /// Begins a run, whose tag comes next.
    #[inline(never)]
    fn begin_run(&mut self, tag: u8) -> Result<(), Error> {
        self.reader.rest = &self.reader.rest[1..];
        let (number, count) = (tag & !tag::RUN, self.reader.length()?);
        let bytes = count.checked_mul(tag::width(number));
        let fits = bytes.is_some_and(|bytes| bytes > 0 && bytes <= self.reader.rest.len());
        if !fits || count > self.left {
            return Err(self
                .reader
                .fail(Error::new("a run of numbers is not as it should be".into())));
        }
        (self.run, self.run_left) = (number, count);
        Ok(())
    }

    #[cold]
    fn failed(&mut self, error: Error, part: &'static str) -> Error {
        self.reader.fail(error).at(Step::Index(self.count - self.left), part)
    }
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
        if self.left == 0 {
            return Ok(None);
        }
        if self.run_left == 0 {
            match self.reader.rest.first() {
                Some(&tag) if tag & tag::RUN != 0 => self.begin_run(tag)?,
                _ => {}
            }
        }
        if let Some(left) = self.run_left.checked_sub(1) {
            self.run_left = left;
            self.reader.pending = self.run;
        }
        match self.reader.part(seed) {
            Ok(value) => {
                self.left -= 1;
                Ok(Some(value))
            }
            Err(error) => Err(self.failed(error, type_name::<S::Value>())),
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
        Self { reader, left: count, count, list, is_variant }
    }

    #[inline]
    pub(super) fn end(self) -> Result<(), Error> {
        if self.left > 0 { Err(left_over(self.left, "fields")) } else { Ok(()) }
    }

    #[cold]
    fn failed(&mut self, error: Error, part: &'static str) -> Error {
        let index = self.count - self.left + usize::from(self.is_variant);
        let name = self.reader.lists.name(self.list, index).unwrap_or_default();
        self.reader.fail(error).at(Step::Field(name.into()), part)
    }
}

impl<'de> de::SeqAccess<'de> for &mut Fields<'_, 'de> {
    type Error = Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        match self.reader.part(seed) {
            Ok(value) => {
                self.left -= 1;
                Ok(Some(value))
            }
            Err(error) => Err(self.failed(error, type_name::<S::Value>())),
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
