//! The bytes that say what follows them.

/// The first byte of a message without names, and of one with names at its end.
pub(super) const PLAIN: u8 = 0xe0;
pub(super) const NAMED: u8 = 0xe1;

pub(super) const UNIT: u8 = 0x01;
pub(super) const NONE: u8 = 0x02;
pub(super) const SOME: u8 = 0x03;
pub(super) const FALSE: u8 = 0x04;
pub(super) const TRUE: u8 = 0x05;
pub(super) const CHAR: u8 = 0x06;
pub(super) const STR: u8 = 0x07;
pub(super) const BYTES: u8 = 0x08;
/// A sequence, tuple, array or tuple struct.
pub(super) const SEQ: u8 = 0x09;
pub(super) const MAP: u8 = 0x0a;
/// A struct with all fields, and one in which [`SKIPPED`] stands for some.
pub(super) const STRUCT: u8 = 0x0b;
pub(super) const STRUCT_SKIPPING: u8 = 0x0c;
pub(super) const UNIT_VARIANT: u8 = 0x0d;
pub(super) const NEWTYPE_VARIANT: u8 = 0x0e;
pub(super) const TUPLE_VARIANT: u8 = 0x0f;
pub(super) const STRUCT_VARIANT: u8 = 0x10;
pub(super) const STRUCT_VARIANT_SKIPPING: u8 = 0x11;
/// A field that `skip_serializing_if` left out.
pub(super) const SKIPPED: u8 = 0x12;

pub(super) const U8: u8 = 0x20;
pub(super) const U16: u8 = 0x21;
pub(super) const U32: u8 = 0x22;
pub(super) const U64: u8 = 0x23;
pub(super) const U128: u8 = 0x24;
pub(super) const I8: u8 = 0x25;
pub(super) const I16: u8 = 0x26;
pub(super) const I32: u8 = 0x27;
pub(super) const I64: u8 = 0x28;
pub(super) const I128: u8 = 0x29;
pub(super) const F32: u8 = 0x2a;
pub(super) const F64: u8 = 0x2b;

/// With a number's tag: several elements of a sequence that are such numbers.
pub(super) const RUN: u8 = 0x80;

/// How many bytes a number with this tag has; zero for other tags.
#[inline]
pub(super) const fn width(tag: u8) -> usize {
    match tag {
        U8 | I8 => 1,
        U16 | I16 => 2,
        U32 | I32 | F32 => 4,
        U64 | I64 | F64 => 8,
        U128 | I128 => 16,
        _ => 0,
    }
}

/// A length or count of this value stands for itself in the eight bytes behind it.
pub(super) const ESCAPE: u32 = u32::MAX;

/// A length of this value, in the names at the end of a message, stands in the five bytes behind it.
pub(super) const LONG_NAME: u8 = 0x7f;

/// The name of a newtype struct that is a part like a field: a vector of numbers is copied.
pub(crate) static PART: &str = "procession::bulk";
