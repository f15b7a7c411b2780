//! Vectors of numbers as the bytes they are.
//!
//! serde hands a vector over number by number, which takes ten times as long as copying it. A
//! `Vec` of numbers crosses as a copy wherever it lies in an argument, a value or a message: nothing
//! has to be done for it. The bytes are those of this machine's numbers.
//!
//! The two functions here are for a field that is written by serde's other formats too, with
//! `#[serde(with = "procession::bulk")]`: a compact format gets the bytes, and one for people, such as
//! JSON, the numbers.
//!
//! ```
//! use procession::Process;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Signal {
//!     rate: u32,
//!     #[serde(with = "procession::bulk")]
//!     samples: Vec<f32>,
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let louder = |mut signal: Signal| {
//!     signal.samples.iter_mut().for_each(|sample| *sample *= 2.0);
//!     signal
//! };
//! let signal = Signal { rate: 48_000, samples: vec![0.25; 100_000] };
//! let signal = Process::new(louder, (signal,)).start()?.join()?;
//! assert_eq!((signal.rate, signal.samples.len(), signal.samples[0]), (48_000, 100_000, 0.5));
//! # Ok(())
//! # }
//! ```
//!
//! # Invariants
//! - Both directions are decided by the type alone, so what one writes the other reads.
//! - A value takes as much memory as its bytes; where that is not there it is an error.

pub(crate) mod buffers;
pub(crate) mod whole;

use crate::codec;
use procession_sys::numbers::Number;
use procession_sys::shared::Shared;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::any::{Any, TypeId};
use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

macro_rules! numbers {
    ($act:ident) => {
        $act!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64)
    };
}

/// Where bytes are read from.
pub(crate) enum Source<'a> {
    Own(&'a [u8]),
    /// Memory that another process may write.
    Shared(&'a Shared, Range<usize>),
}

/// The bytes of a vector of numbers; none of a value of any other type.
pub(crate) fn bytes_of<T: 'static>(value: &T) -> Option<&[u8]> {
    let value: &dyn Any = value;
    macro_rules! try_all {
        ($($number:ty)*) => {
            $(
                if let Some(vector) = value.downcast_ref::<Vec<$number>>() {
                    return Some(bytemuck::cast_slice(vector));
                }
                if let Some((vector,)) = value.downcast_ref::<(Vec<$number>,)>() {
                    return Some(bytemuck::cast_slice(vector));
                }
            )*
        };
    }
    numbers!(try_all);
    None
}

/// The vector of numbers with these bytes; none for any other type.
pub(crate) fn value_of<T: 'static>(source: &Source<'_>) -> Option<Result<T, String>> {
    // What is filled has the type asked for, so it is put where that type is: in a slot for it.
    let mut slot: Option<T> = None;
    let any: &mut dyn Any = &mut slot;
    macro_rules! try_all {
        ($($number:ty)*) => {
            $(
                if let Some(slot) = any.downcast_mut::<Option<Vec<$number>>>() {
                    match copied(source) {
                        Ok(vector) => *slot = Some(vector),
                        Err(reason) => return Some(Err(reason)),
                    }
                } else if let Some(slot) = any.downcast_mut::<Option<(Vec<$number>,)>>() {
                    match copied(source) {
                        Ok(vector) => *slot = Some((vector,)),
                        Err(reason) => return Some(Err(reason)),
                    }
                }
            )*
        };
    }
    numbers!(try_all);
    slot.map(Ok)
}

/// Whether a type is a vector of numbers.
pub(crate) fn is_numbers<T: 'static>() -> bool {
    let this = TypeId::of::<T>();
    macro_rules! try_all {
        ($($number:ty)*) => {
            $(this == TypeId::of::<Vec<$number>>() || this == TypeId::of::<(Vec<$number>,)>() ||)*
                false
        };
    }
    numbers!(try_all)
}

/// Writes a value with serde, a vector of numbers as its bytes.
///
/// # Errors
/// As the value's own.
pub fn serialize<T, S>(value: &T, serializer: S) -> Result<S::Ok, S::Error>
where
    T: Serialize + 'static,
    S: Serializer,
{
    if codec::is_writer::<S>() {
        return serializer.serialize_newtype_struct(codec::PART, value);
    }
    match bytes_of(value) {
        Some(bytes) if !serializer.is_human_readable() => serializer.serialize_bytes(bytes),
        _ => value.serialize(serializer),
    }
}

/// Reads what [`serialize`] wrote.
///
/// # Errors
/// As the value's own; half a number, or no memory for so many.
pub fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Deserialize<'de> + 'static,
    D: Deserializer<'de>,
{
    if codec::is_reader::<D>() {
        deserializer.deserialize_newtype_struct(codec::PART, Part(PhantomData))
    } else if is_numbers::<T>() && !deserializer.is_human_readable() {
        deserializer.deserialize_bytes(Numbers(PhantomData))
    } else {
        T::deserialize(deserializer)
    }
}

/// Reads a value as a part of another, which for a vector of numbers is a copy.
struct Part<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Part<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut part: A) -> Result<T, A::Error> {
        part.next_element()?.ok_or_else(|| de::Error::invalid_length(0, &self))
    }
}

/// Reads bytes as the vector of numbers that they are.
struct Numbers<T>(PhantomData<T>);

impl<T: 'static> Visitor<'_> for Numbers<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes of a vector of numbers")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<T, E> {
        let value = value_of(&Source::Own(bytes));
        let value = value.unwrap_or_else(|| Err("not a vector of numbers".to_owned()));
        value.map_err(E::custom)
    }
}

fn copied<N: Number>(source: &Source<'_>) -> Result<Vec<N>, String> {
    let (memory, range) = match source {
        Source::Own(bytes) => return codec::copied(bytes),
        Source::Shared(memory, range) => (memory, range),
    };
    let (length, rest) = (range.len() / size_of::<N>(), range.len() % size_of::<N>());
    if rest != 0 {
        return Err(format!("{rest} bytes are left over"));
    }
    let mut vector = Vec::new();
    let copied = memory.append_to(range.start, length, &mut vector);
    copied.map(|()| vector).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_numbers_are_their_bytes_wherever_those_lie() {
        fn check<N: Number + PartialEq + fmt::Debug>(numbers: Vec<N>) {
            let bytes = bytes_of(&numbers).expect("a vector of numbers").to_vec();
            for skip in 0..9 {
                let behind = [&vec![0; skip][..], &bytes].concat();
                let back =
                    value_of::<Vec<N>>(&Source::Own(&behind[skip..])).expect("such a vector");
                assert_eq!(back.expect("whole"), numbers);
            }
            let arguments = (numbers,);
            assert_eq!(bytes_of(&arguments), Some(&bytes[..]));
            let back = value_of::<(Vec<N>,)>(&Source::Own(&bytes))
                .expect("such arguments")
                .expect("whole");
            assert_eq!(back, arguments);
        }
        check(vec![1_u8, 2, 255]);
        check(vec![-1_i16, 2]);
        check(vec![1.5_f32; 1_000]);
        check((0..2_000_000).map(f64::from).collect());
        check(vec![u128::MAX, 0]);
        check(Vec::<u64>::new());
    }

    #[test]
    fn half_a_number_is_an_error_and_other_types_are_left_alone() {
        let error =
            value_of::<Vec<u32>>(&Source::Own(&[0; 7])).expect("such a vector").expect_err("half");
        assert_eq!(error, "3 bytes are left over");
        assert!(value_of::<Vec<bool>>(&Source::Own(&[2])).is_none());
        assert!(value_of::<Vec<char>>(&Source::Own(&[0; 4])).is_none());
        assert!(bytes_of(&vec!["text"]).is_none() && bytes_of(&[1_u8; 4]).is_none());
    }
}
