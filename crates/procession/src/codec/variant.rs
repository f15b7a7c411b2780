//! Reading variants: what a visitor takes their names and contents from.

use super::access::valueless;
use super::error::{Error, Step};
use super::lists::nameless;
use super::reader::Reader;
use super::tag;
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, Visitor};
use std::any::type_name;

/// A variant with content as the map that the formats for people make of it.
#[derive(Debug)]
pub(super) struct Tagged<'a, 'de> {
    reader: &'a mut Reader<'de>,
    tag: u8,
    list: u32,
    name: Option<&'de str>,
    is_read: bool,
}

impl<'a, 'de> Tagged<'a, 'de> {
    pub(super) fn new(reader: &'a mut Reader<'de>, tag: u8, list: u32, name: &'de str) -> Self {
        Self { reader, tag, list, name: Some(name), is_read: false }
    }

    pub(super) fn end(self) -> Result<(), Error> {
        if self.is_read {
            Ok(())
        } else {
            Err(Error::new("the content of a variant is left over".into()))
        }
    }
}

impl<'de> de::MapAccess<'de> for &mut Tagged<'_, 'de> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        let Some(name) = self.name.take() else { return Ok(None) };
        seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        if self.name.is_some() || std::mem::replace(&mut self.is_read, true) {
            return Err(self.reader.fail(valueless()));
        }
        let content = Content { reader: &mut *self.reader, tag: self.tag, list: self.list };
        seed.deserialize(content)
    }
}

/// What a variant has beside its name, whatever that is.
struct Content<'a, 'de> {
    reader: &'a mut Reader<'de>,
    tag: u8,
    list: u32,
}

impl<'de> Deserializer<'de> for Content<'_, 'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let Self { reader, tag, list } = self;
        match tag {
            tag::NEWTYPE_VARIANT => reader.deserialize_any(visitor),
            tag::TUPLE_VARIANT => {
                let count = reader.length()?;
                reader.sequence(count, visitor)
            }
            _ => {
                let mut names = reader.lists.names(list).ok_or_else(nameless)?;
                reader.lists.next(&mut names).ok_or_else(nameless)?;
                reader.named(names, visitor)
            }
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// The one value that comes next, as the only element of a sequence.
#[derive(Debug)]
pub(super) struct Whole<'a, 'de>(Option<&'a mut Reader<'de>>);

impl<'a, 'de> Whole<'a, 'de> {
    pub(super) fn new(reader: &'a mut Reader<'de>) -> Self {
        Self(Some(reader))
    }
}

impl<'de> de::SeqAccess<'de> for Whole<'_, 'de> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        self.0.take().map(|reader| reader.part(seed)).transpose()
    }
}

/// A variant of an enum.
#[derive(Debug)]
pub(super) struct VariantOf<'a, 'de> {
    reader: &'a mut Reader<'de>,
    form: Form,
    name: &'de str,
}

/// How a variant was written.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// As a variant with this tag and list.
    Variant(u8, u32),
    /// As a text, its name.
    Text,
    /// As a map with one entry, whose key is its name.
    Map,
}

impl<'a, 'de> VariantOf<'a, 'de> {
    #[inline]
    pub(super) fn new(reader: &'a mut Reader<'de>, tag: u8, list: u32, name: &'de str) -> Self {
        Self { reader, form: Form::Variant(tag, list), name }
    }

    pub(super) fn named(reader: &'a mut Reader<'de>, name: &'de str) -> Self {
        Self { reader, form: Form::Text, name }
    }

    pub(super) fn in_map(reader: &'a mut Reader<'de>, name: &'de str) -> Self {
        Self { reader, form: Form::Map, name }
    }

    #[cold]
    fn other_form(self, expected: &str) -> Error {
        let written = match self.form {
            Form::Variant(tag::UNIT_VARIANT, _) | Form::Text => "without content",
            Form::Variant(tag::NEWTYPE_VARIANT, _) => "with one unnamed field",
            Form::Variant(tag::TUPLE_VARIANT, _) => "with several unnamed fields",
            Form::Variant(..) => "with named fields",
            Form::Map => "as a map",
        };
        let name = self.name;
        let what = format!("the variant `{name}` was written {written} and is {expected} here");
        self.reader.fail(Error::new(what))
    }
}

/// Adds the variant to the place of an error.
#[cold]
fn in_variant(error: Error, name: &str, part: &'static str) -> Error {
    error.at(Step::Variant(name.into()), part)
}

impl<'de> de::EnumAccess<'de> for VariantOf<'_, 'de> {
    type Error = Error;
    type Variant = Self;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Error> {
        let name = BorrowedStrDeserializer::<Error>::new(self.name);
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> de::VariantAccess<'de> for VariantOf<'_, 'de> {
    type Error = Error;

    #[inline]
    fn unit_variant(self) -> Result<(), Error> {
        match self.form {
            Form::Variant(tag::UNIT_VARIANT, _) | Form::Text => Ok(()),
            Form::Map => self.reader.part(std::marker::PhantomData::<()>),
            Form::Variant(..) => Err(self.other_form("a unit variant")),
        }
    }

    #[inline]
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        match self.form {
            Form::Variant(tag::NEWTYPE_VARIANT, _) | Form::Map => {
                let value = self.reader.part(seed);
                value.map_err(|error| in_variant(error, self.name, type_name::<S::Value>()))
            }
            _ => Err(self.other_form("one with one unnamed field")),
        }
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Error> {
        let value = match self.form {
            Form::Variant(tag::TUPLE_VARIANT, _) => self.reader.tuple(length, visitor),
            Form::Map => self.reader.deserialize_tuple(length, visitor),
            _ => return Err(self.other_form("one with several unnamed fields")),
        };
        value.map_err(|error| in_variant(error, self.name, type_name::<V::Value>()))
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let value = match self.form {
            Form::Variant(tag @ (tag::STRUCT_VARIANT | tag::STRUCT_VARIANT_SKIPPING), list) => {
                let is_whole = tag == tag::STRUCT_VARIANT;
                self.reader.fields(list, true, is_whole, fields, visitor)
            }
            Form::Map => self.reader.deserialize_struct("", fields, visitor),
            _ => return Err(self.other_form("one with named fields")),
        };
        value.map_err(|error| in_variant(error, self.name, type_name::<V::Value>()))
    }
}
