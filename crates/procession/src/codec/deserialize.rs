//! Reading a value as what its type asks for.

use super::error::Error;
use super::reader::Reader;
use super::tag;
use super::variant::{VariantOf, Whole};
use serde::de::value::SeqDeserializer;
use serde::de::{Deserializer, Visitor};
use serde::forward_to_deserialize_any;

macro_rules! numbers {
    ($($method:ident $visit:ident $number:ty, $tag:ident;)*) => {
        $(
            #[inline]
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
                if let Some(bytes) = self.tagged(tag::$tag) {
                    return visitor.$visit(<$number>::from_le_bytes(*bytes));
                }
                self.any_number(visitor)
            }
        )*
    };
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Error;

    numbers! {
        deserialize_u8 visit_u8 u8, U8;
        deserialize_u16 visit_u16 u16, U16;
        deserialize_u32 visit_u32 u32, U32;
        deserialize_u64 visit_u64 u64, U64;
        deserialize_u128 visit_u128 u128, U128;
        deserialize_i8 visit_i8 i8, I8;
        deserialize_i16 visit_i16 i16, I16;
        deserialize_i32 visit_i32 i32, I32;
        deserialize_i64 visit_i64 i64, I64;
        deserialize_i128 visit_i128 i128, I128;
    }

    #[inline]
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if let Some(bytes) = self.tagged(tag::F64) {
            return visitor.visit_f64(f64::from_le_bytes(*bytes));
        }
        self.float(1 << f64::MANTISSA_DIGITS, visitor)
    }

    #[inline]
    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if let Some(bytes) = self.tagged(tag::F32) {
            return visitor.visit_f32(f32::from_le_bytes(*bytes));
        }
        self.single(visitor)
    }

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let tag = self.tag()?;
        self.any(tag, visitor)
    }

    #[inline]
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.tag()? {
            tag::FALSE => visitor.visit_bool(false),
            tag::TRUE => visitor.visit_bool(true),
            other => Err(self.refuse(other, &visitor)),
        }
    }

    #[inline]
    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.tag()? {
            tag::STR => visitor.visit_borrowed_str(self.text()?),
            other @ (tag::CHAR | tag::BYTES | tag::UNIT_VARIANT) => self.any(other, visitor),
            other => Err(self.refuse(other, &visitor)),
        }
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    #[inline]
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.tag()? {
            tag::BYTES => visitor.visit_borrowed_bytes(self.bytes()?),
            tag::SEQ => match self.byte_run() {
                Some(bytes) => visitor.visit_borrowed_bytes(bytes),
                None => self.any(tag::SEQ, visitor),
            },
            tag::STR => self.any(tag::STR, visitor),
            other => Err(self.refuse(other, &visitor)),
        }
    }

    #[inline]
    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_bytes(visitor)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.wrap::<V::Value>()?;
        match self.rest.first() {
            // What stands for itself where an option is expected is there.
            _ if self.pending != 0 => visitor.visit_some(self),
            Some(&tag::SOME) => {
                self.rest = &self.rest[1..];
                self.some(visitor)
            }
            Some(&tag::NONE) => {
                self.rest = &self.rest[1..];
                visitor.visit_none()
            }
            Some(&tag::UNIT) => {
                self.rest = &self.rest[1..];
                visitor.visit_unit()
            }
            _ => visitor.visit_some(self),
        }
    }

    #[inline]
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.tag()? {
            tag::UNIT | tag::NONE => visitor.visit_unit(),
            other => Err(self.refuse(other, &visitor)),
        }
    }

    #[inline]
    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if std::ptr::eq(name, tag::PART) {
            return visitor.visit_seq(Whole::new(self));
        }
        self.wrap::<V::Value>()?;
        visitor.visit_newtype_struct(self)
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.tag()? {
            tag::SEQ => {
                let count = self.length()?;
                self.sequence(count, visitor)
            }
            tag::BYTES => {
                let bytes = self.bytes()?;
                let mut elements = SeqDeserializer::<_, Error>::new(bytes.iter().copied());
                let value = visitor.visit_seq(&mut elements)?;
                elements.end().map(|()| value)
            }
            other => Err(self.refuse(other, &visitor)),
        }
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.tag()? {
            tag::SEQ => self.tuple(length, visitor),
            other => Err(self.refuse(other, &visitor)),
        }
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_tuple(length, visitor)
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.tag()? {
            tag::MAP => self.map(visitor),
            other => self.any(other, visitor),
        }
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.tag()? {
            tag @ (tag::STRUCT | tag::STRUCT_SKIPPING) => {
                let list = self.number_u32()?;
                self.fields(list, false, tag == tag::STRUCT, fields, visitor)
            }
            other => self.other_struct(other, visitor),
        }
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let tag = self.tag()?;
        match tag {
            tag::UNIT_VARIANT
            | tag::NEWTYPE_VARIANT
            | tag::TUPLE_VARIANT
            | tag::STRUCT_VARIANT
            | tag::STRUCT_VARIANT_SKIPPING => {
                let (list, name) = self.variant()?;
                self.within(|reader| visitor.visit_enum(VariantOf::new(reader, tag, list, name)))
            }
            // As the formats for people write variants.
            tag::STR => {
                let name = self.text()?;
                self.within(|reader| visitor.visit_enum(VariantOf::named(reader, name)))
            }
            tag::MAP => {
                let count = self.length()?;
                if count != 1 || self.tag()? != tag::STR {
                    return Err(self.refuse(tag::MAP, &visitor));
                }
                let name = self.text()?;
                self.within(|reader| visitor.visit_enum(VariantOf::in_map(reader, name)))
            }
            other => Err(self.refuse(other, &visitor)),
        }
    }

    #[inline]
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.pass_over()?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any!(identifier);

    #[inline]
    fn is_human_readable(&self) -> bool {
        true
    }
}
