//! Writing values that have parts: sequences, maps, structs.

use super::error::{Error, Step};
use super::tag;
use super::writer::{Slot, Writer};
use serde::ser::{self, Error as _, Serialize};
use std::any::type_name;

/// A sequence, tuple or the like that is being written.
#[derive(Debug)]
pub(crate) struct Elements<'b, 'a> {
    writer: &'b mut Writer<'a>,
    /// Where its count stands.
    at: usize,
    count: u32,
    /// What the element before the next one is; see [`Slot`].
    slot: u8,
    /// Where the count of the run at the end stands, and the number of that run's first element.
    run: (usize, u32),
    /// The variant that has these elements, or nothing.
    variant: &'static str,
}

impl<'b, 'a> Elements<'b, 'a> {
    #[inline]
    pub(super) fn new(writer: &'b mut Writer<'a>, variant: &'static str) -> Self {
        let at = writer.out.len() - 4;
        Self { writer, at, count: 0, slot: Slot::ELEMENT, run: (0, 0), variant }
    }

    #[inline]
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.writer.slot = self.slot;
        if let Err(error) = self.writer.value(value) {
            return Err(self.failed(error, type_name::<T>()));
        }
        let slot = std::mem::replace(&mut self.writer.slot, Slot::PLAIN);
        if slot != self.slot && (slot | self.slot) > Slot::ELEMENT {
            self.change(slot);
        }
        self.count = match self.count.checked_add(1) {
            Some(tag::ESCAPE) | None => return Err(too_many()),
            Some(count) => count,
        };
        Ok(())
    }

    /// A run begins or ends with the element just written, which is not counted yet.
    #[inline(never)]
    fn change(&mut self, slot: u8) {
        self.end_run();
        if slot & tag::RUN != 0 {
            let numbers = 2 * tag::width(slot & !tag::RUN);
            self.run = (self.writer.out.len() - numbers - 4, self.count - 1);
        }
        self.slot = slot.max(Slot::ELEMENT);
    }

    #[inline]
    fn end_run(&mut self) {
        if self.slot & tag::RUN != 0 {
            let (at, first) = self.run;
            self.writer.patch(at, self.count - first);
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

                #[inline]
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
    /// Which of the structs that are being written; see [`Names::open`](super::names::Names::open).
    open: usize,
}

impl<'b, 'a> Fields<'b, 'a> {
    #[inline]
    pub(super) fn new(writer: &'b mut Writer<'a>, open: usize) -> Self {
        Self { writer, open }
    }

    #[inline]
    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        self.writer.names().name(self.open, name);
        if let Err(error) = self.writer.value(value) {
            let step = Step::Field(name.into());
            return Err(self.writer.fail(error).at(step, type_name::<T>()));
        }
        Ok(())
    }

    /// Writes that a field is left out.
    fn skip(&mut self, name: &'static str) {
        self.writer.names().name(self.open, name);
        self.writer.tag(tag::SKIPPED);
        let at = self.writer.names().place(self.open);
        if let Some(tag) = self.writer.out.get_mut(at) {
            *tag = match *tag {
                tag::STRUCT_VARIANT | tag::STRUCT_VARIANT_SKIPPING => tag::STRUCT_VARIANT_SKIPPING,
                _ => tag::STRUCT_SKIPPING,
            };
        }
    }

    #[inline]
    fn finish(self) {
        let (at, list) = self.writer.names().close(self.open);
        self.writer.patch(at + 1, list);
        self.writer.leave();
    }
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
