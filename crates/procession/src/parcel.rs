//! Values as parcels.
//!
//! In: a value, or a parcel that came. Out: the other. What always holds: a parcel is read as a
//! whole or is an error; left-over bytes are an error; no bytes can cause a panic or an allocation
//! larger than themselves.

mod table;

use crate::bulk::buffers::Borrowed;
use crate::bulk::{self, Source, whole};
use crate::codec;
use crate::value_error::{DecodeError, EncodeError};
use procession_sys::parcel::Parcel;
use procession_sys::shared::Shared;
use serde::de::{Deserialize, DeserializeOwned};
use serde::ser::Serialize;
use std::ops::Range;
use std::os::fd::OwnedFd;
use table::{Table, with_table};

pub(crate) use table::{Claim, claim, lend};

/// Writes `value` behind `head`.
pub(crate) fn encode<T: Serialize + 'static>(
    head: Vec<u8>,
    value: &T,
) -> Result<Parcel, EncodeError> {
    encode_in(head, value, None)
}

/// As [`encode`]; a vector of numbers may be written to `memory`.
pub(crate) fn encode_in<T: Serialize + 'static>(
    head: Vec<u8>,
    value: &T,
    memory: Option<Borrowed>,
) -> Result<Parcel, EncodeError> {
    if let Some(numbers) = bulk::bytes_of(value) {
        return Ok(whole::value(head, numbers, memory));
    }
    let (bytes, descriptors) = write(head, value)?;
    Ok(Parcel { bytes: bytes.into(), descriptors })
}

/// As [`encode`], in its two parts.
pub(crate) fn write<T: Serialize + 'static>(
    mut head: Vec<u8>,
    value: &T,
) -> Result<(Vec<u8>, Vec<OwnedFd>), EncodeError> {
    let descriptors = write_behind(&mut head, value)?;
    Ok((head, descriptors))
}

/// As [`write`](write()), into bytes that stay where they are; gives the descriptors.
#[inline]
pub(crate) fn write_behind<T: Serialize + 'static>(
    head: &mut Vec<u8>,
    value: &T,
) -> Result<Vec<OwnedFd>, EncodeError> {
    if let Some(bytes) = bulk::bytes_of(value) {
        head.extend_from_slice(bytes);
        return Ok(Vec::new());
    }
    write_as::<T>(head, value)
}

/// Writes by serde what stands for a value of type `T`, behind `head`; gives the descriptors.
#[inline]
pub(crate) fn write_as<T>(
    head: &mut Vec<u8>,
    value: &impl Serialize,
) -> Result<Vec<OwnedFd>, EncodeError> {
    let (written, table) = with_table(Table::default(), || codec::write(head, value));
    let Table { descriptors, refusal } = table;
    written.map_err(|error| EncodeError::of::<T>(error, refusal))?;
    Ok(if descriptors.is_empty() {
        Vec::new()
    } else {
        descriptors.into_iter().flatten().collect()
    })
}

/// Reads a value from the bytes of `parcel` behind the first `skip`.
pub(crate) fn decode<T: DeserializeOwned + 'static>(
    parcel: Parcel,
    skip: usize,
) -> Result<T, DecodeError> {
    if bulk::is_numbers::<T>() {
        let read = whole::read(parcel, skip);
        return read.map(|(value, _memory)| value).map_err(DecodeError::of::<T>);
    }
    let Parcel { bytes, descriptors } = parcel;
    read(bytes.get(skip..).unwrap_or_default(), descriptors)
}

/// Reads a value from exactly these bytes and descriptors.
#[inline]
pub(crate) fn read<'a, T: Deserialize<'a> + 'static>(
    bytes: &'a [u8],
    descriptors: Vec<OwnedFd>,
) -> Result<T, DecodeError> {
    if let Some(value) = bulk::value_of(&Source::Own(bytes)) {
        return value.map_err(DecodeError::of::<T>);
    }
    read_as::<T, T>(bytes, descriptors)
}

/// Reads by serde what stands for a value of type `T`.
#[inline]
pub(crate) fn read_as<'a, T, U: Deserialize<'a>>(
    bytes: &'a [u8],
    descriptors: Vec<OwnedFd>,
) -> Result<U, DecodeError> {
    // A value is read twice if its visitor knows fields by name only, and a descriptor is claimed
    // once.
    let by_name = !descriptors.is_empty();
    let descriptors = if descriptors.is_empty() {
        Vec::new()
    } else {
        descriptors.into_iter().map(Some).collect()
    };
    let table = Table { descriptors, refusal: None };
    let (value, table) = with_table(table, || codec::read(bytes, by_name));
    value.map_err(|error| DecodeError::from_codec::<T>(error, table.refusal))
}

/// As [`read`], from bytes that another process may write.
pub(crate) fn read_shared<T: DeserializeOwned + 'static>(
    memory: &Shared,
    range: Range<usize>,
    descriptors: Vec<OwnedFd>,
) -> Result<T, DecodeError> {
    if let Some(value) = bulk::value_of(&Source::Shared(memory, range.clone())) {
        return value.map_err(DecodeError::of::<T>);
    }
    let mut bytes = Vec::<u8>::new();
    let copied = memory.append_to(range.start, range.len(), &mut bytes);
    copied.map_err(|error| DecodeError::of::<T>(error.to_string()))?;
    read(&bytes, descriptors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_back_behind_its_head() {
        let parcel = encode(vec![7, 7], &("name".to_owned(), 3.5_f64, vec![1_u32, 2])).unwrap();
        let behind: &'static [u8] = parcel.bytes[2..].to_vec().leak();
        let value: (String, f64, Vec<u32>) = decode(parcel, 2).unwrap();
        assert_eq!(value, ("name".to_owned(), 3.5, vec![1, 2]));
        let borrowed: (&str, f64, Vec<u32>) = read(behind, Vec::new()).unwrap();
        assert_eq!(borrowed.0, "name");
    }

    #[test]
    fn truncated_left_over_and_foreign_bytes_are_errors() {
        let parcel = encode(Vec::new(), &vec!["text".to_owned(); 3]).unwrap();
        for cut in 0..parcel.bytes.len() {
            let short = Parcel { bytes: parcel.bytes[..cut].to_vec().into(), ..Parcel::default() };
            decode::<Vec<String>>(short, 0).expect_err("truncated");
        }
        let long = [&parcel.bytes[..], &[0]].concat();
        let long = Parcel { bytes: long.into(), ..Parcel::default() };
        let error = decode::<Vec<String>>(long, 0).expect_err("left over");
        assert!(error.to_string().contains("1 bytes are left over"), "{error}");
        let vast = Parcel { bytes: vec![0xff; 9].into(), ..Parcel::default() };
        decode::<Vec<u64>>(vast, 0).expect_err("a length beyond the bytes");
        decode::<u8>(Parcel::default(), 10).expect_err("nothing behind the head");
    }

    #[test]
    fn an_encoding_error_names_the_type() {
        struct Never;
        impl Serialize for Never {
            fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(serde::ser::Error::custom("by nature"))
            }
        }
        let error = encode(Vec::new(), &Never).expect_err("never");
        assert!(error.to_string().contains("Never"), "{error}");
    }
}
