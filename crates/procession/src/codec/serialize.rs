//! Writing a value as what its type says it is.

use super::compound::{Elements, Entries, Fields};
use super::error::{Error, Step};
use super::list::Kind;
use super::tag;
use super::writer::Writer;
use serde::ser::{Error as _, Serialize, Serializer};
use std::any::type_name;
use std::fmt::{Display, Write as _};

/// So many numbers of one type take less memory in a run than with a tag each.
const LONG: usize = 5;

impl<'a> Writer<'a> {
    /// Begins a sequence whose numbers may be `in_runs`.
    #[inline]
    fn elements<'b>(&'b mut self, in_runs: bool) -> Result<Elements<'b, 'a>, Error> {
        self.enter()?;
        self.head(tag::SEQ, 0);
        Ok(Elements::new(self, in_runs, ""))
    }

    #[inline]
    fn fields<'b>(
        &'b mut self,
        tag: u8,
        kind: Kind,
        subject: &'static str,
    ) -> Result<Fields<'b, 'a>, Error> {
        self.enter()?;
        let at = self.out.len();
        let next = self.names().open(kind, subject, at);
        self.head(tag, 0);
        Ok(Fields::new(self, at, next))
    }
}

macro_rules! numbers {
    ($($method:ident $number:ty, $tag:ident;)*) => {
        $(
            #[inline]
            fn $method(self, number: $number) -> Result<(), Error> {
                self.number(tag::$tag, number.to_le_bytes());
                Ok(())
            }
        )*
    };
}

impl<'a, 'b> Serializer for &'b mut Writer<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Elements<'b, 'a>;
    type SerializeTuple = Elements<'b, 'a>;
    type SerializeTupleStruct = Elements<'b, 'a>;
    type SerializeTupleVariant = Elements<'b, 'a>;
    type SerializeMap = Entries<'b, 'a>;
    type SerializeStruct = Fields<'b, 'a>;
    type SerializeStructVariant = Fields<'b, 'a>;

    numbers! {
        serialize_u8 u8, U8;
        serialize_u16 u16, U16;
        serialize_u32 u32, U32;
        serialize_u64 u64, U64;
        serialize_u128 u128, U128;
        serialize_i8 i8, I8;
        serialize_i16 i16, I16;
        serialize_i32 i32, I32;
        serialize_i64 i64, I64;
        serialize_i128 i128, I128;
        serialize_f32 f32, F32;
        serialize_f64 f64, F64;
    }

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.tag(if value { tag::TRUE } else { tag::FALSE });
        Ok(())
    }

    #[inline]
    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.head(tag::CHAR, value.into());
        Ok(())
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), Error> {
        self.text(tag::STR, value.as_bytes());
        Ok(())
    }

    #[inline]
    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        self.text(tag::BYTES, value);
        Ok(())
    }

    /// Formats into the message, without a text of its own in between.
    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.head(tag::STR, 0);
        let at = self.out.len();
        let mut text = Text(self.out);
        write!(text, "{value}").map_err(|_| Error::custom("its `Display` failed"))?;
        let length = self.out.len() - at;
        let short = u32::try_from(length).ok().filter(|&length| length != tag::ESCAPE);
        let short = short.ok_or_else(|| Error::custom("its text is longer than 4 GiB"))?;
        self.patch(at - 4, short);
        Ok(())
    }

    #[inline]
    fn serialize_none(self) -> Result<(), Error> {
        self.tag(tag::NONE);
        Ok(())
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.wrap()?;
        self.tag(tag::SOME);
        self.value(value)
    }

    #[inline]
    fn serialize_unit(self) -> Result<(), Error> {
        self.tag(tag::UNIT);
        Ok(())
    }

    #[inline]
    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), Error> {
        self.variant(tag::UNIT_VARIANT, variant);
        Ok(())
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.wrap()?;
        self.value(value)
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.enter()?;
        self.variant(tag::NEWTYPE_VARIANT, variant);
        if let Err(error) = self.value(value) {
            let step = Step::Variant(variant.into());
            return Err(self.fail(error).at(step, type_name::<T>()));
        }
        self.leave();
        Ok(())
    }

    #[inline]
    fn serialize_seq(self, length: Option<usize>) -> Result<Elements<'b, 'a>, Error> {
        self.elements(length.is_none_or(|length| length > 1))
    }

    #[inline]
    fn serialize_tuple(self, length: usize) -> Result<Elements<'b, 'a>, Error> {
        self.elements(length >= LONG)
    }

    #[inline]
    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        length: usize,
    ) -> Result<Elements<'b, 'a>, Error> {
        self.serialize_tuple(length)
    }

    #[inline]
    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Elements<'b, 'a>, Error> {
        self.enter()?;
        self.variant(tag::TUPLE_VARIANT, variant);
        self.out.extend_from_slice(&[0; 4]);
        Ok(Elements::new(self, length >= LONG, variant))
    }

    #[inline]
    fn serialize_map(self, _length: Option<usize>) -> Result<Entries<'b, 'a>, Error> {
        self.enter()?;
        self.head(tag::MAP, 0);
        Ok(Entries::new(self))
    }

    #[inline]
    fn serialize_struct(self, name: &'static str, _length: usize) -> Result<Fields<'b, 'a>, Error> {
        self.fields(tag::STRUCT, Kind::Struct, name)
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Fields<'b, 'a>, Error> {
        self.fields(tag::STRUCT_VARIANT, Kind::StructVariant, variant)
    }

    /// Types with a readable and a compact form send the readable one, as serde's own buffer for
    /// untagged, tagged and flattened types expects.
    #[inline]
    fn is_human_readable(&self) -> bool {
        true
    }
}

/// Formats at the end of a message.
struct Text<'a>(&'a mut Vec<u8>);

impl std::fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}
