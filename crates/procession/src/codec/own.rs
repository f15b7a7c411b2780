//! Recognizing this codec behind serde's traits, whatever runs inside or around it.

use super::reader::Reader;
use super::writer::Writer;
use procession_sys::numbers::erased_id;
use std::any::TypeId;

/// Whether `S` is the serializer of this codec.
pub(crate) fn is_writer<S>() -> bool {
    erased_id::<S>() == TypeId::of::<&mut Writer<'static>>()
}

/// Whether `D` is the deserializer of this codec.
pub(crate) fn is_reader<D>() -> bool {
    erased_id::<D>() == TypeId::of::<&mut Reader<'static>>()
}
