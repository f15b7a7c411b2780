//! A vector of numbers that is all of a function's arguments, or its value, as a parcel.
//!
//! Behind the parcel's head stands one byte, the form, and then:
//!
//! | form | bytes | descriptors |
//! |---|---|---|
//! | [`INLINE`] | those of the numbers | none |
//! | [`LENT`] | how many bytes, as 8 of little-endian order | memory with those of the numbers |
//! | [`LENT_TO_SEVERAL`] | the same | the same; others read it too, so nothing is written there |
//!
//! Long arguments are lent. A long value is lent where its function's arguments were, and the memory
//! has room; any other is sealed with its head, as other long values are.
//!
//! # Invariants
//! - Bytes of another form, or of a length that no such vector has, are an error.
//! - A value is whole in its memory before its parcel is sent.

use super::buffers::{self, Borrowed};
use super::{Source, value_of};
use procession_sys::memory::Sealed;
use procession_sys::parcel::{Bytes, LARGEST_INLINE, Parcel};
use std::os::fd::OwnedFd;

const INLINE: u8 = b'i';
const LENT: u8 = b'm';
const LENT_TO_SEVERAL: u8 = b's';

/// The parcel of arguments that are these numbers.
pub(crate) fn arguments(numbers: &[u8]) -> Parcel {
    if numbers.len() > LARGEST_INLINE {
        // Where no memory can be lent, sending the parcel seals its bytes, or says why not.
        if let Ok(memory) = buffers::lend(numbers) {
            return lent(Vec::new(), numbers, memory);
        }
    }
    inline(Vec::new(), numbers)
}

/// The parcel of a value that is these numbers, behind `head`; in the memory of its function's
/// arguments, where that will do.
pub(crate) fn value(mut head: Vec<u8>, numbers: &[u8], memory: Option<Borrowed>) -> Parcel {
    if numbers.len() > LARGEST_INLINE {
        if let Some(memory) = memory.and_then(|memory| memory.answer(numbers)) {
            return lent(head, numbers, memory);
        }
        // What will travel as sealed memory is written there at once. Where that fails, as above a
        // limit on files, sending it says so.
        head.push(INLINE);
        if let Ok(sealed) = Sealed::from_pieces(&[&head, numbers]) {
            return Parcel { bytes: Bytes::from(sealed), descriptors: Vec::new() };
        }
        head.pop();
    }
    inline(head, numbers)
}

/// The bytes of a parcel of [`arguments`] for one of several processes that are sent it.
pub(crate) fn for_several(arguments: &[u8]) -> Vec<u8> {
    let mut bytes = arguments.to_vec();
    if let Some(form) = bytes.first_mut().filter(|form| **form == LENT) {
        *form = LENT_TO_SEVERAL;
    }
    bytes
}

fn inline(mut head: Vec<u8>, numbers: &[u8]) -> Parcel {
    head.reserve_exact(1 + numbers.len());
    head.push(INLINE);
    head.extend_from_slice(numbers);
    Parcel { bytes: head.into(), descriptors: Vec::new() }
}

fn lent(mut head: Vec<u8>, numbers: &[u8], memory: OwnedFd) -> Parcel {
    head.push(LENT);
    head.extend_from_slice(&(numbers.len() as u64).to_le_bytes());
    Parcel { bytes: head.into(), descriptors: vec![memory] }
}

/// The vector in a parcel, behind the first `skip` bytes, and the memory that it was lent in.
pub(crate) fn read<T: 'static>(
    parcel: Parcel,
    skip: usize,
) -> Result<(T, Option<Borrowed>), String> {
    let Parcel { bytes, mut descriptors } = parcel;
    let no_vector = || Err("it is no vector of numbers".to_owned());
    let rest = bytes.get(skip..).unwrap_or_default();
    match rest.split_first() {
        Some((&INLINE, numbers)) => {
            let value = value_of(&Source::Own(numbers)).unwrap_or_else(no_vector)?;
            Ok((value, None))
        }
        Some((&form @ (LENT | LENT_TO_SEVERAL), length)) => {
            let length = <[u8; 8]>::try_from(length).map(u64::from_le_bytes);
            let length = length.ok().and_then(|length| usize::try_from(length).ok());
            let (Some(length), Some(memory)) = (length, descriptors.pop()) else {
                return Err("its memory is missing".to_owned());
            };
            let borrowed =
                Borrowed::new(memory, length).map_err(|error| format!("its memory: {error}"))?;
            let source = Source::Shared(borrowed.memory(), 0..borrowed.len());
            let value = value_of(&source).unwrap_or_else(no_vector)?;
            Ok((value, Some(borrowed).filter(|_| form == LENT)))
        }
        _ => Err("the bytes end before a vector of numbers begins".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use procession_sys::reusable::Reusable;

    fn numbers(count: u64) -> Vec<u64> {
        (0..count).collect()
    }

    fn bytes(numbers: &[u64]) -> &[u8] {
        bytemuck::cast_slice(numbers)
    }

    /// As [`arguments`], lent by another process.
    fn foreign(numbers: &[u64]) -> Parcel {
        let mut memory = Reusable::new(size_of_val(numbers)).expect("memory");
        memory.write(bytes(numbers)).expect("room");
        lent(Vec::new(), bytes(numbers), memory.open().expect("a descriptor"))
    }

    #[test]
    fn vectors_of_every_length_come_back_long_ones_in_memory() {
        for count in [0, 1, 8_192, 8_193, 100_000] {
            let sent = numbers(count);
            let (there, memory) = read::<Vec<u64>>(arguments(bytes(&sent)), 0).expect("numbers");
            assert!(there == sent && memory.is_some() == (count > 8_192), "{count}");
            let answer = value(vec![7, 7], bytes(&sent), None);
            let (back, memory) = read::<(Vec<u64>,)>(answer, 2).expect("numbers");
            assert!(back.0 == sent && memory.is_none(), "{count}");
        }
    }

    #[test]
    fn a_value_comes_back_in_the_memory_of_its_arguments_where_it_fits() {
        let (_, memory) = read::<Vec<u64>>(foreign(&numbers(50_000)), 0).expect("numbers");
        let answer = value(vec![7], bytes(&numbers(40_000)), memory);
        let (back, memory) = read::<Vec<u64>>(answer, 1).expect("numbers");
        assert!(back == numbers(40_000) && memory.is_some());

        let (_, memory) = read::<Vec<u64>>(foreign(&numbers(10_000)), 0).expect("numbers");
        let answer = value(vec![7], bytes(&numbers(50_000)), memory);
        let (back, memory) = read::<Vec<u64>>(answer, 1).expect("numbers");
        assert!(back == numbers(50_000) && memory.is_none());
    }

    #[test]
    fn memory_that_several_read_is_not_written_by_one() {
        let mut lent = foreign(&numbers(10_000));
        lent.bytes = for_several(&lent.bytes).into();
        let (there, memory) = read::<Vec<u64>>(lent, 0).expect("numbers");
        assert!(there == numbers(10_000) && memory.is_none());
        let short = arguments(bytes(&numbers(10)));
        assert_eq!(for_several(&short.bytes), *short.bytes);
    }

    #[test]
    fn bytes_of_no_form_and_memory_of_no_length_are_errors() {
        let parcel = |bytes: &[u8]| Parcel { bytes: bytes.to_vec().into(), ..Parcel::default() };
        for wrong in [&[][..], b"x12345678", b"i1234567", b"m", b"m1234567", b"m12345678"] {
            read::<Vec<u64>>(parcel(wrong), 0).expect_err("no vector");
        }
        let mut lent = foreign(&numbers(10_000));
        lent.bytes = [&[LENT][..], &u64::MAX.to_le_bytes()].concat().into();
        let error = read::<Vec<u64>>(lent, 0).expect_err("a length beyond the memory");
        assert!(error.contains("fewer bytes"), "{error}");
        let mut lent = foreign(&numbers(10_000));
        lent.bytes = [&[LENT][..], &79_999_u64.to_le_bytes()].concat().into();
        read::<Vec<u64>>(lent, 0).expect_err("half a number");
    }
}
