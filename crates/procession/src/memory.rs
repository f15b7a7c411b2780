//! Memory that several processes have.
//!
//! In: a size, or values of plain data. Out: handles that cross to other processes, and the same
//! memory there. What always holds: it has no name and is gone with its last handle, however that
//! process ended; memory that others may write is only ever copied from and to, or seen as atomics,
//! and only frozen memory is a slice; so whatever another process writes is a wrong value at worst.
//!
//! | | what it is | what one does with it |
//! |---|---|---|
//! | [`SharedMemory`] | bytes | `read`, `write`, atomics, `grow`, `freeze` |
//! | [`Shared<T>`] | one value | `get`, `set`, `update`: whole, one process at a time |
//! | [`SharedSlice<T>`] | many values | `get`, `set`, `read`, `write`, by chunks, atomics, `grow`, `freeze` |
//! | [`Frozen<T>`] | many values that nobody changes any more | it is a `&[T]` |
//!
//! `T` is plain data: [`bytemuck::Pod`], that is numbers, arrays of them, and structures that derive
//! it. With the feature `ndarray` values are arrays of several dimensions: [`Frozen`] has `view`,
//! [`SharedSlice`] has `to_array` and `for_each_row`.

#[cfg(feature = "ndarray")]
mod arrays;
mod bytes;
mod frozen;
mod slice;
mod value;

pub use bytes::SharedMemory;
pub use frozen::Frozen;
pub use slice::SharedSlice;
pub use value::Shared;

#[cfg(any(test, fuzzing))]
pub(crate) mod anything;
#[cfg(test)]
mod tests;
