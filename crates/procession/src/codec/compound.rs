//! Writing values that have parts: sequences, maps, structs.

use super::error::{Error, Step};
use super::writer::Writer;
use super::{numbers, tag};
use serde::ser::{self, Error as _, Serialize};
use std::any::type_name;

/// A sequence, tuple or the like that is being written.
#[derive(Debug)]
pub(crate) struct Elements<'b, 'a> {
    writer: &'b mut Writer<'a>,
    /// Where its count stands.
    at: usize,
    count: u32,
    /// The tag of the run at the end, where its count stands, and how many elements come before it;
    /// zero if there is none.
    run: u8,
    run_at: usize,
    before_run: u32,
    /// Numbers are written in runs: many of one type are likely to follow each other.
    in_runs: bool,
    /// The variant that has these elements, or nothing.
    variant: &'static str,
}

impl<'b, 'a> Elements<'b, 'a> {
    #[inline]
    pub(super) fn new(writer: &'b mut Writer<'a>, in_runs: bool, variant: &'static str) -> Self {
        let at = writer.out.len() - 4;
        Self { writer, at, count: 0, run: 0, run_at: 0, before_run: 0, in_runs, variant }
    }

    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "the elements of an array are written one behind the other"
    )]
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        match numbers::number(value) {
            Some((tag, bytes)) => self.number(tag, bytes),
            None => self.value(value)?,
        }
        self.count = match self.count.checked_add(1) {
            Some(tag::ESCAPE) | None => return Err(too_many()),
            Some(count) => count,
        };
        Ok(())
    }

    #[inline]
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.end_run();
        let written = self.writer.value(value);
        written.map_err(|error| self.failed(error, type_name::<T>()))
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as above")]
    fn number(&mut self, tag: u8, bytes: &[u8]) {
        if self.run != tag {
            if !self.in_runs {
                return self.writer.number_of(tag, bytes);
            }
            self.end_run();
            self.run = tag;
            self.run_at = self.writer.begin_run(tag);
            self.before_run = self.count;
        }
        self.writer.out.extend_from_slice(bytes);
    }

    #[inline]
    fn end_run(&mut self) {
        if self.run != 0 {
            self.writer.patch(self.run_at, self.count - self.before_run);
            self.run = 0;
        }
    }

    #[inline]
    fn finish(mut self) {
        self.end_run();
        self.writer.patch(self.at, self.count);
        self.writer.leave();
    }

    #[cold]
    fn failed(&mut self, error: Error, part: &'static str) -> Error {
        let error = self.writer.fail(error).at(Step::Index(self.count as usize), part);
        if self.variant.is_empty() {
            error
        } else {
            error.at(Step::Variant(self.variant.into()), part)
        }
    }
}

#[cold]
fn too_many() -> Error {
    Error::custom("more than 4 294 967 294 elements cannot cross in one sequence or map")
}

macro_rules! elements {
    ($($form:ident $method:ident)*) => {
        $(
            impl ser::$form for Elements<'_, '_> {
                type Ok = ();
                type Error = Error;

                #[inline(always)]
                fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                    self.element(value)
                }

                #[inline]
                fn end(self) -> Result<(), Error> {
                    self.finish();
                    Ok(())
                }
            }
        )*
    };
}

elements! {
    SerializeSeq serialize_element
    SerializeTuple serialize_element
    SerializeTupleStruct serialize_field
    SerializeTupleVariant serialize_field
}

/// A map that is being written.
#[derive(Debug)]
pub(crate) struct Entries<'b, 'a> {
    writer: &'b mut Writer<'a>,
    at: usize,
    count: u32,
    /// Where the key begins whose value comes next.
    key: Option<usize>,
}

impl<'b, 'a> Entries<'b, 'a> {
    #[inline]
    pub(super) fn new(writer: &'b mut Writer<'a>) -> Self {
        let at = writer.out.len() - 4;
        Self { writer, at, count: 0, key: None }
    }

    #[cold]
    fn failed(&mut self, error: Error, part: &'static str) -> Error {
        self.writer.fail(error);
        let key = self.key.and_then(|key| self.writer.out.get(key..)).unwrap_or_default();
        error.at(super::error::describe_key(key, self.count as usize), part)
    }
}

/// A hand-written `Serialize` gave a key without a value, or the reverse.
#[cold]
fn unpaired() -> Error {
    Error::custom("its `Serialize` does not write a key and a value in turn")
}

impl ser::SerializeMap for Entries<'_, '_> {
    type Ok = ();
    type Error = Error;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        if self.key.replace(self.writer.out.len()).is_some() {
            return Err(unpaired());
        }
        if let Err(error) = self.writer.value(key) {
            let step = Step::Index(self.count as usize);
            return Err(self.writer.fail(error).at(step, type_name::<T>()));
        }
        Ok(())
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        if self.key.is_none() {
            return Err(unpaired());
        }
        if let Err(error) = self.writer.value(value) {
            return Err(self.failed(error, type_name::<T>()));
        }
        self.key = None;
        self.count = match self.count.checked_add(1) {
            Some(tag::ESCAPE) | None => return Err(too_many()),
            Some(count) => count,
        };
        Ok(())
    }

    #[inline]
    fn end(self) -> Result<(), Error> {
        if self.key.is_some() {
            return Err(unpaired());
        }
        self.writer.patch(self.at, self.count);
        self.writer.leave();
        Ok(())
    }
}

/// A struct, or a variant with named fields, that is being written.
#[derive(Debug)]
pub(crate) struct Fields<'b, 'a> {
    writer: &'b mut Writer<'a>,
    /// Where its tag stands; the number of its list stands behind that.
    at: usize,
    /// Which name is expected next; see [`Names::name`](super::names::Names::name).
    next: usize,
}

impl<'b, 'a> Fields<'b, 'a> {
    #[inline]
    pub(super) fn new(writer: &'b mut Writer<'a>, at: usize, next: usize) -> Self {
        Self { writer, at, next }
    }

    #[inline]
    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        self.next = self.writer.names().name(self.next, self.at, name);
        if let Err(error) = self.writer.value(value) {
            return Err(failed(self.writer, error, name, type_name::<T>()));
        }
        Ok(())
    }

    /// Writes that a field is left out.
    fn skip(&mut self, name: &'static str) {
        self.next = self.writer.names().name(self.next, self.at, name);
        self.writer.tag(tag::SKIPPED);
        if let Some(tag) = self.writer.out.get_mut(self.at) {
            *tag = match *tag {
                tag::STRUCT_VARIANT | tag::STRUCT_VARIANT_SKIPPING => tag::STRUCT_VARIANT_SKIPPING,
                _ => tag::STRUCT_SKIPPING,
            };
        }
    }

    #[inline]
    fn finish(self) {
        let list = self.writer.names().close(self.next, self.at);
        self.writer.patch(self.at + 1, list);
        self.writer.leave();
    }
}

#[cold]
fn failed(writer: &mut Writer<'_>, error: Error, name: &str, part: &'static str) -> Error {
    writer.fail(error).at(Step::Field(name.into()), part)
}

macro_rules! fields {
    ($($form:ident)*) => {
        $(
            impl ser::$form for Fields<'_, '_> {
                type Ok = ();
                type Error = Error;

                #[inline]
                fn serialize_field<T: Serialize + ?Sized>(
                    &mut self,
                    name: &'static str,
                    value: &T,
                ) -> Result<(), Error> {
                    self.field(name, value)
                }

                #[inline]
                fn skip_field(&mut self, name: &'static str) -> Result<(), Error> {
                    self.skip(name);
                    Ok(())
                }

                #[inline]
                fn end(self) -> Result<(), Error> {
                    self.finish();
                    Ok(())
                }
            }
        )*
    };
}

fields!(SerializeStruct SerializeStructVariant);
