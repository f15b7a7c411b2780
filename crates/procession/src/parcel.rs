//! Values as parcels.
//!
//! In: a value, or a parcel that came. Out: the other. What always holds: a parcel is read as a
//! whole or is an error; left-over bytes are an error; no bytes can cause a panic or an allocation
//! larger than themselves.

//!
//! Descriptors inside values have one door: while a parcel is being written or read, and only
//! then, the thread has a table of its descriptors, which [`lend`] adds to and [`claim`] takes from.

use procession_sys::parcel::Parcel;
use serde::de::{Deserialize, DeserializeOwned};
use serde::ser::Serialize;
use std::cell::RefCell;
use std::fmt;
use std::os::fd::OwnedFd;

/// The descriptors of the parcel that this thread is writing or reading.
type Table = Vec<Option<OwnedFd>>;

thread_local! {
    static TABLE: RefCell<Option<Table>> = const { RefCell::new(None) };
}

/// Runs `work` with a table of its own; gives its result and the table as it left it.
///
/// The table of an outer parcel, whose value writes this one as it is written itself, is set aside
/// and comes back, also when `work` panics.
fn with_table<T>(table: Table, work: impl FnOnce() -> T) -> (T, Table) {
    struct Outer(Option<Table>);
    impl Drop for Outer {
        fn drop(&mut self) {
            TABLE.with(|table| *table.borrow_mut() = self.0.take());
        }
    }
    let outer = Outer(TABLE.with(|slot| slot.borrow_mut().replace(table)));
    let result = work();
    let table = TABLE.with(|slot| slot.borrow_mut().take()).unwrap_or_default();
    drop(outer);
    (result, table)
}

/// Puts a descriptor into the parcel being written; gives the number to write in its place.
pub(crate) fn lend(descriptor: OwnedFd) -> Result<u32, &'static str> {
    TABLE.with(|table| {
        let mut table = table.borrow_mut();
        let table = table.as_mut().ok_or("a descriptor can only be written into a parcel")?;
        let number = u32::try_from(table.len()).map_err(|_| "too many descriptors")?;
        table.push(Some(descriptor));
        Ok(number)
    })
}

/// Takes a descriptor out of the parcel being read, by its number; each may be taken once.
pub(crate) fn claim(number: u32) -> Result<OwnedFd, &'static str> {
    TABLE.with(|table| {
        let mut table = table.borrow_mut();
        let table = table.as_mut().ok_or("a descriptor can only be read from a parcel")?;
        let slot = usize::try_from(number).ok().and_then(|number| table.get_mut(number));
        slot.and_then(Option::take).ok_or("the parcel has no such descriptor")
    })
}

/// Writes `value` behind `head`.
pub(crate) fn encode<T: Serialize>(head: Vec<u8>, value: &T) -> Result<Parcel, EncodeError> {
    let (bytes, table) = with_table(Vec::new(), || postcard::to_extend(value, head));
    let bytes = bytes.map_err(|error| EncodeError {
        type_name: std::any::type_name::<T>(),
        reason: error.to_string(),
    })?;
    Ok(Parcel { bytes: bytes.into(), descriptors: table.into_iter().flatten().collect() })
}

/// Reads a value from the bytes of `parcel` behind the first `skip`.
pub(crate) fn decode<T: DeserializeOwned>(parcel: Parcel, skip: usize) -> Result<T, DecodeError> {
    let Parcel { bytes, descriptors } = parcel;
    whole(bytes.get(skip..).unwrap_or_default(), descriptors)
}

/// As [`decode`], for values that borrow: the parcel's bytes stay for the life of the process.
pub(crate) fn decode_static<T: Deserialize<'static>>(parcel: Parcel) -> Result<T, DecodeError> {
    let Parcel { bytes, descriptors } = parcel;
    whole(bytes.leak(), descriptors)
}

fn whole<'a, T: Deserialize<'a>>(
    bytes: &'a [u8],
    descriptors: Vec<OwnedFd>,
) -> Result<T, DecodeError> {
    let error = |reason: String| DecodeError { type_name: std::any::type_name::<T>(), reason };
    let table = descriptors.into_iter().map(Some).collect();
    match with_table(table, || postcard::take_from_bytes(bytes)).0 {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(error(format!("{} bytes are left over", rest.len()))),
        Err(reason) => Err(error(reason.to_string())),
    }
}

/// A value could not be written: its own `Serialize` failed, or it has a shape without a length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodeError {
    type_name: &'static str,
    reason: String,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value of type `{}` cannot be encoded: {}", self.type_name, self.reason)
    }
}

impl std::error::Error for EncodeError {}

/// Bytes are no value of the type expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    type_name: &'static str,
    reason: String,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the bytes are no value of type `{}`: {}", self.type_name, self.reason)
    }
}

impl std::error::Error for DecodeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_back_behind_its_head() {
        let parcel = encode(vec![7, 7], &("name".to_owned(), 3.5_f64, vec![1_u32, 2])).unwrap();
        let behind = Parcel { bytes: parcel.bytes[2..].to_vec().into(), ..Parcel::default() };
        let value: (String, f64, Vec<u32>) = decode(parcel, 2).unwrap();
        assert_eq!(value, ("name".to_owned(), 3.5, vec![1, 2]));
        let borrowed: (&'static str, f64, Vec<u32>) = decode_static(behind).unwrap();
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
