//! Giving values to visitors: what several forms of reading share.

use super::access::{Elements, Entries, Fields, Named};
use super::error::Error;
use super::lists::{Rest, nameless};
use super::reader::{Reader, run_of, unknown};
use super::tag;
use super::variant::Tagged;
use serde::de::{self, Error as _, Unexpected, Visitor};

impl<'de> Reader<'de> {
    /// What a value with this tag is, for a visitor that does not take it.
    fn unexpected(tag: u8) -> Unexpected<'de> {
        match tag {
            tag::UNIT => Unexpected::Unit,
            tag::NONE | tag::SOME => Unexpected::Option,
            tag::FALSE | tag::TRUE => Unexpected::Bool(tag == tag::TRUE),
            tag::CHAR => Unexpected::Other("a character"),
            tag::STR => Unexpected::Other("a text"),
            tag::BYTES => Unexpected::Other("bytes"),
            tag::SEQ => Unexpected::Seq,
            tag::MAP => Unexpected::Map,
            tag::STRUCT | tag::STRUCT_SKIPPING => Unexpected::Other("a struct"),
            tag::UNIT_VARIANT => Unexpected::UnitVariant,
            tag::NEWTYPE_VARIANT => Unexpected::NewtypeVariant,
            tag::TUPLE_VARIANT => Unexpected::TupleVariant,
            tag::STRUCT_VARIANT | tag::STRUCT_VARIANT_SKIPPING => Unexpected::StructVariant,
            tag::SKIPPED => Unexpected::Other("a field that was left out"),
            tag if tag::width(tag) > 0 => Unexpected::Other("a number"),
            _ => Unexpected::Other("a byte that stands for nothing"),
        }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn refuse(&mut self, tag: u8, expected: &dyn de::Expected) -> Error {
        let error = Error::invalid_type(Self::unexpected(tag), expected);
        self.fail(error)
    }

    /// A number of whichever type, which may be in a run.
    #[cold]
    #[inline(never)]
    pub(super) fn any_number<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        let tag = self.tag()?;
        self.number(tag, visitor)
    }

    /// A number with this tag.
    pub(super) fn number<V: Visitor<'de>>(
        &mut self,
        tag: u8,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match tag {
            tag::U8 => visitor.visit_u8(u8::from_le_bytes(*self.array()?)),
            tag::U16 => visitor.visit_u16(u16::from_le_bytes(*self.array()?)),
            tag::U32 => visitor.visit_u32(u32::from_le_bytes(*self.array()?)),
            tag::U64 => visitor.visit_u64(u64::from_le_bytes(*self.array()?)),
            tag::U128 => visitor.visit_u128(u128::from_le_bytes(*self.array()?)),
            tag::I8 => visitor.visit_i8(i8::from_le_bytes(*self.array()?)),
            tag::I16 => visitor.visit_i16(i16::from_le_bytes(*self.array()?)),
            tag::I32 => visitor.visit_i32(i32::from_le_bytes(*self.array()?)),
            tag::I64 => visitor.visit_i64(i64::from_le_bytes(*self.array()?)),
            tag::I128 => visitor.visit_i128(i128::from_le_bytes(*self.array()?)),
            tag::F32 => visitor.visit_f32(f32::from_le_bytes(*self.array()?)),
            tag::F64 => visitor.visit_f64(f64::from_le_bytes(*self.array()?)),
            _ => Err(self.refuse(tag, &visitor)),
        }
    }

    /// A floating-point number from another type's: every integer up to `exact` is one.
    #[cold]
    #[inline(never)]
    pub(super) fn float<V: Visitor<'de>>(
        &mut self,
        exact: u128,
        visitor: V,
    ) -> Result<V::Value, Error> {
        let tag = self.tag()?;
        self.float_of(tag, exact, visitor)
    }

    fn float_of<V: Visitor<'de>>(
        &mut self,
        tag: u8,
        exact: u128,
        visitor: V,
    ) -> Result<V::Value, Error> {
        let ahead = self.rest;
        let integer = match tag {
            tag::U8 => u128::from(u8::from_le_bytes(*self.array()?)),
            tag::U16 => u128::from(u16::from_le_bytes(*self.array()?)),
            tag::U32 => u128::from(u32::from_le_bytes(*self.array()?)),
            tag::U64 => u128::from(u64::from_le_bytes(*self.array()?)),
            tag::I8 => u128::from(i8::from_le_bytes(*self.array()?).unsigned_abs()),
            tag::I16 => u128::from(i16::from_le_bytes(*self.array()?).unsigned_abs()),
            tag::I32 => u128::from(i32::from_le_bytes(*self.array()?).unsigned_abs()),
            tag::I64 => u128::from(i64::from_le_bytes(*self.array()?).unsigned_abs()),
            tag::F32 | tag::F64 => 0,
            _ => return Err(self.refuse(tag, &visitor)),
        };
        self.rest = ahead;
        if integer > exact {
            return Err(self.fail(Error::custom("an integer would be rounded to a float")));
        }
        self.number(tag, visitor)
    }

    /// A `f32` from a number of another type, if it has exactly that value.
    #[cold]
    #[expect(clippy::cast_possible_truncation, reason = "what would be rounded is refused")]
    #[inline(never)]
    pub(super) fn single<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        let tag = self.tag()?;
        if tag == tag::F64 {
            let number = f64::from_le_bytes(*self.array()?);
            let single = number as f32;
            if f64::from(single).to_bits() != number.to_bits() {
                return Err(self.fail(Error::custom("a `f64` would be rounded to a `f32`")));
            }
            return visitor.visit_f32(single);
        }
        self.float_of(tag, 1 << f32::MANTISSA_DIGITS, visitor)
    }

    #[inline]
    pub(super) fn sequence<V: Visitor<'de>>(
        &mut self,
        count: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.within(|reader| {
            let mut elements = Elements::new(reader, count);
            let value = visitor.visit_seq(&mut elements)?;
            elements.end()?;
            Ok(value)
        })
    }

    /// A sequence that has exactly as many elements as its type.
    #[inline]
    pub(super) fn tuple<V: Visitor<'de>>(
        &mut self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        let count = self.length()?;
        if count != length {
            return Err(self.other_length(count, length));
        }
        self.sequence(count, visitor)
    }

    #[cold]
    pub(super) fn other_length(&mut self, count: usize, length: usize) -> Error {
        self.fail(Error::new(format!(
            "{count} elements were written where the type has {length}; a tuple struct or variant \
             that skips some of its fields needs names for them"
        )))
    }

    #[inline]
    pub(super) fn map<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        let count = self.length()?;
        self.within(|reader| {
            let mut entries = Entries::new(reader, count);
            let value = visitor.visit_map(&mut entries)?;
            entries.end()?;
            Ok(value)
        })
    }

    /// The fields of a struct, or of a variant where `skip` names come before them; in their order
    /// where that is the type's.
    #[inline]
    pub(super) fn fields<V: Visitor<'de>>(
        &mut self,
        list: u32,
        is_variant: bool,
        is_whole: bool,
        expected: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let mut names = self.lists.names(list).ok_or_else(|| self.fail(nameless()))?;
        if is_variant {
            self.lists.next(&mut names).ok_or_else(|| self.fail(nameless()))?;
        }
        let in_order =
            is_whole && names.count > 0 && !self.by_name && self.lists.are(list, names, expected);
        if !in_order {
            return self.named(names, visitor);
        }
        let (before, mut is_visited) = (self.rest.len(), false);
        let value = self.within(|reader| {
            is_visited = true;
            let mut fields = Fields::new(reader, list, names.count, is_variant);
            let value = visitor.visit_seq(&mut fields)?;
            fields.end()?;
            Ok(value)
        });
        if is_visited && value.is_err() && self.rest.len() == before {
            self.wants_names = true;
        }
        value
    }

    /// The fields of a struct, each with its name.
    #[inline(never)]
    pub(super) fn named<V: Visitor<'de>>(
        &mut self,
        names: Rest,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.within(|reader| {
            let mut fields = Named::new(reader, names);
            let value = visitor.visit_map(&mut fields)?;
            fields.end()?;
            Ok(value)
        })
    }

    /// A struct that was not written as one.
    #[cold]
    #[inline(never)]
    pub(super) fn other_struct<V: Visitor<'de>>(
        &mut self,
        tag: u8,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match tag {
            tag::MAP => self.map(visitor),
            tag::SEQ => {
                let count = self.length()?;
                self.sequence(count, visitor)
            }
            other => Err(self.refuse(other, &visitor)),
        }
    }

    /// The value as what it was written as.
    pub(super) fn any<V: Visitor<'de>>(&mut self, tag: u8, visitor: V) -> Result<V::Value, Error> {
        match tag {
            tag::UNIT => visitor.visit_unit(),
            tag::NONE => visitor.visit_none(),
            tag::SOME => {
                self.wrap::<V::Value>()?;
                self.some(visitor)
            }
            tag::FALSE => visitor.visit_bool(false),
            tag::TRUE => visitor.visit_bool(true),
            tag::CHAR => {
                let number = self.number_u32()?;
                let character = char::from_u32(number);
                visitor.visit_char(character.ok_or_else(|| self.fail(unknown(tag)))?)
            }
            tag::STR => visitor.visit_borrowed_str(self.text()?),
            tag::BYTES => visitor.visit_borrowed_bytes(self.bytes()?),
            tag::SEQ => {
                let count = self.length()?;
                self.sequence(count, visitor)
            }
            tag::MAP => self.map(visitor),
            tag::STRUCT | tag::STRUCT_SKIPPING => {
                let list = self.number_u32()?;
                let names = self.lists.names(list).ok_or_else(|| self.fail(nameless()))?;
                self.named(names, visitor)
            }
            tag::UNIT_VARIANT => visitor.visit_borrowed_str(self.variant()?.1),
            tag::NEWTYPE_VARIANT
            | tag::TUPLE_VARIANT
            | tag::STRUCT_VARIANT
            | tag::STRUCT_VARIANT_SKIPPING => {
                let (list, name) = self.variant()?;
                self.within(|reader| {
                    let mut entry = Tagged::new(reader, tag, list, name);
                    let value = visitor.visit_map(&mut entry)?;
                    entry.end().map(|()| value)
                })
            }
            tag::U128 | tag::I128 => {
                let value = self.number(tag, visitor);
                value.map_err(|error| self.fail(large_integer(error)))
            }
            number => self.number(number, visitor),
        }
    }

    /// What is in a `Some`.
    #[inline]
    pub(super) fn some<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        let before = self.rest.len();
        let value = visitor.visit_some(&mut *self);
        if self.rest.len() == before && value.is_ok() {
            // An error makes the message one.
            let _ = self.pass_over_unread();
        }
        value
    }

    /// The list of a variant, and the variant's name.
    #[inline]
    pub(super) fn variant(&mut self) -> Result<(u32, &'de str), Error> {
        let list = self.number_u32()?;
        let names = self.lists.names(list);
        let name = names.and_then(|mut names| self.lists.next(&mut names));
        name.map(|name| (list, name)).ok_or_else(|| self.fail(nameless()))
    }

    /// All the bytes of a sequence of bytes, if this is one; its tag has been read.
    pub(super) fn byte_run(&mut self) -> Option<&'de [u8]> {
        let mut ahead = self.rest;
        let bytes = run_of(&mut ahead, tag::U8)?;
        self.rest = ahead;
        Some(bytes)
    }
}

#[cold]
fn large_integer(error: Error) -> Error {
    Error::new(format!(
        "{error}; serde's untagged, internally tagged and flattened types cannot hold integers of \
         128 bits: write them as text"
    ))
}
