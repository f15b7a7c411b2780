//! Vectors of numbers, wherever they lie in a value: copied as the bytes they are.

use super::tag;
use procession_sys::memory::expect_use;
use procession_sys::numbers::{Number, as_number, as_vector, erased_id, from_number, from_vector};
use std::any::TypeId;
use std::marker::PhantomData;

/// Calls a macro with each number type and the tag of its bytes.
macro_rules! numbers {
    ($act:ident) => {
        $act! {
            u8 = U8, u16 = U16, u32 = U32, u64 = U64, u128 = U128, usize = U64,
            i8 = I8, i16 = I16, i32 = I32, i64 = I64, i128 = I128, isize = I64,
            f32 = F32, f64 = F64
        }
    };
}

// `usize` is written as a `u64`, which is what serde makes of it.
const _: () = assert!(size_of::<usize>() == 8 && cfg!(target_endian = "little"));

/// The tag and the bytes of a vector of numbers; none for a value of another type.
#[inline]
pub(super) fn bytes_of<T: ?Sized>(value: &T) -> Option<(u8, &[u8])> {
    // Most types have another size, which the compiler knows.
    if size_of_val(value) != size_of::<Vec<u8>>() {
        return None;
    }
    macro_rules! try_all {
        ($($number:ty = $tag:ident),*) => {
            $(if let Some(vector) = as_vector::<T, $number>(value) {
                return Some((tag::$tag, bytemuck::cast_slice(vector)));
            })*
        };
    }
    numbers!(try_all);
    None
}

/// The tag and the bytes of a number, or of one behind a reference; none for a value of another type.
#[inline]
pub(super) fn number<T: ?Sized>(value: &T) -> Option<(u8, &[u8])> {
    // The compiler knows the size of most types.
    if size_of_val(value) > size_of::<u128>() {
        return None;
    }
    macro_rules! try_all {
        ($($number:ty = $tag:ident),*) => {
            $(if let Some(number) = as_number::<T, $number>(value) {
                return Some((tag::$tag, bytemuck::bytes_of(number)));
            })*
        };
    }
    numbers!(try_all);
    None
}

/// The tag of the numbers that the seed `S` makes a vector of; none for any other seed.
#[inline]
pub(super) fn seeded<S, T>() -> Option<u8> {
    if size_of::<T>() != size_of::<Vec<u8>>() || size_of::<S>() != 0 {
        return None;
    }
    let id = erased_id::<S>();
    macro_rules! try_all {
        ($($number:ty = $tag:ident),*) => {
            $(if id == TypeId::of::<PhantomData<Vec<$number>>>() {
                return Some(tag::$tag);
            })*
        };
    }
    numbers!(try_all);
    None
}

/// The tag of the number that the seed `S` makes; none for any other seed.
#[inline]
pub(super) fn of_seed<S, T>() -> Option<u8> {
    if size_of::<T>() > size_of::<u128>() || size_of::<S>() != 0 {
        return None;
    }
    let id = erased_id::<S>();
    macro_rules! try_all {
        ($($number:ty = $tag:ident),*) => {
            $(if id == TypeId::of::<PhantomData<$number>>() {
                return Some(tag::$tag);
            })*
        };
    }
    numbers!(try_all);
    None
}

/// Takes a number with this tag, where `T` is the number's type; nothing if another value comes next.
#[inline]
pub(super) fn take_tagged<T>(tag: u8, rest: &mut &[u8]) -> Option<T> {
    let (&first, mut behind) = rest.split_first()?;
    if first != tag {
        return None;
    }
    let number = take(&mut behind)?;
    *rest = behind;
    Some(number)
}

/// Takes a number's bytes, where `T` is the number's type.
#[inline]
pub(super) fn take<T>(rest: &mut &[u8]) -> Option<T> {
    let (bytes, behind) = rest.split_at_checked(size_of::<T>())?;
    macro_rules! try_all {
        ($($number:ty = $tag:ident),*) => {
            $(if erased_id::<T>() == TypeId::of::<$number>() {
                *rest = behind;
                return from_number::<T, $number>(<$number>::from_le_bytes(*bytes.first_chunk()?));
            })*
        };
    }
    numbers!(try_all);
    None
}

/// The vector of numbers with these bytes, where `T` is one.
#[inline]
pub(super) fn vector_of<T>(bytes: &[u8]) -> Option<Result<T, String>> {
    macro_rules! try_all {
        ($($number:ty = $tag:ident),*) => {
            $(if erased_id::<T>() == TypeId::of::<Vec<$number>>() {
                return match copied::<$number>(bytes) {
                    Ok(vector) => from_vector::<T, $number>(vector).ok().map(Ok),
                    Err(reason) => Some(Err(reason)),
                };
            })*
        };
    }
    numbers!(try_all);
    None
}

/// A vector with these bytes.
pub(crate) fn copied<N: Number>(bytes: &[u8]) -> Result<Vec<N>, String> {
    let (length, rest) = (bytes.len() / size_of::<N>(), bytes.len() % size_of::<N>());
    if rest != 0 {
        return Err(format!("{rest} bytes are left over"));
    }
    let mut vector = Vec::new();
    vector.try_reserve_exact(length).map_err(|error| error.to_string())?;
    expect_use(vector.spare_capacity_mut());
    if let Ok(numbers) = bytemuck::try_cast_slice(bytes) {
        vector.extend_from_slice(numbers);
    } else {
        // Behind a tag numbers lie anywhere.
        let numbers = bytes.chunks_exact(size_of::<N>());
        vector.extend(numbers.map(bytemuck::pod_read_unaligned::<N>));
    }
    Ok(vector)
}
