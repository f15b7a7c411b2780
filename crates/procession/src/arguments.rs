//! The arguments of a function.
//!
//! In: a tuple of serde types. Out: a parcel, and back. A vector of numbers that is the only argument
//! is the whole parcel, or, if it is long, in memory that is used again.

use crate::bulk::buffers::Borrowed;
use crate::bulk::{self, whole};
use crate::parcel;
use crate::value_error::{DecodeError, EncodeError};
use procession_sys::fault::stands;
use procession_sys::parcel::Parcel;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// One argument: any type that serde can write and read.
///
/// It is implemented for every such type; there is nothing to implement by hand. A type may borrow
/// for `'static`, as `&'static str` does: the child keeps the bytes it got for its whole life.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a process",
    label = "this argument would have to cross to the child",
    note = "derive serde's `Serialize` and `Deserialize` for the type",
    note = "if it is a reference, pass the value itself, or a `clone()` of it: the child has memory \
            of its own",
    note = "if it has an `Arc` or `Rc`, pass the inner value, or enable serde's feature `rc`; \
            `procession::Shared` is memory that both processes have",
    note = "if it is an open file or a socket, wrap it in `procession::Fd`"
)]
pub trait Argument: Serialize + Deserialize<'static> + 'static {}

// As for `Value`, the attribute keeps the notes above in the compiler's message.
#[diagnostic::do_not_recommend]
impl<T: Serialize + Deserialize<'static> + 'static> Argument for T {}

/// Arguments: a tuple of up to eight [`Argument`]s.
///
/// Vectors of numbers in them are copied as the bytes they are.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the arguments of a process",
    label = "not a tuple of at most eight arguments",
    note = "arguments are a tuple: `()`, `(a,)`, `(a, b)`; a single one needs its comma",
    note = "a function with more than eight parameters takes a struct instead: derive serde's \
            `Serialize` and `Deserialize` for it"
)]
pub trait Arguments: Serialize + Deserialize<'static> + 'static {
    #[doc(hidden)]
    fn encode(&self) -> Result<Parcel, EncodeError>;

    #[doc(hidden)]
    fn decode(parcel: Parcel) -> Result<(Self, Option<Borrowed>), DecodeError>;
}

/// The arguments of a plan and of its clones, encoded once.
#[derive(Debug)]
pub(crate) struct Encoded(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    parcel: Parcel,
    are_numbers: bool,
    cloned: AtomicBool,
}

impl Encoded {
    pub(crate) fn of<A: Arguments>(arguments: &A) -> Result<Self, EncodeError> {
        let (parcel, are_numbers) = (arguments.encode()?, bulk::is_numbers::<A>());
        Ok(Self(Arc::new(Inner { parcel, are_numbers, cloned: AtomicBool::new(false) })))
    }

    /// The bytes for the process of one plan. Where there have been several plans, their processes
    /// have the same memory, and none may write its value there: another may not have read it yet.
    pub(crate) fn bytes(&self) -> Cow<'_, [u8]> {
        let Inner { parcel, are_numbers, cloned } = &*self.0;
        // Set before there was a second plan that could be started.
        if *are_numbers && cloned.load(Ordering::Acquire) && stands("shared-arguments") {
            whole::for_several(&parcel.bytes).into()
        } else {
            Cow::Borrowed(&parcel.bytes)
        }
    }

    pub(crate) fn descriptors(&self) -> &[OwnedFd] {
        &self.0.parcel.descriptors
    }
}

impl Clone for Encoded {
    fn clone(&self) -> Self {
        self.0.cloned.store(true, Ordering::Release);
        Self(Arc::clone(&self.0))
    }
}

macro_rules! arguments_of {
    ($($argument:ident)*) => {
        impl<$($argument,)*> Arguments for ($($argument,)*)
        where
            $($argument: Argument,)*
        {
            fn encode(&self) -> Result<Parcel, EncodeError> {
                if let Some(numbers) = bulk::bytes_of(self) {
                    return Ok(whole::arguments(numbers));
                }
                let mut bytes = Vec::new();
                let descriptors = parcel::write_as::<Self>(&mut bytes, self)?;
                Ok(Parcel { bytes: bytes.into(), descriptors })
            }

            fn decode(parcel: Parcel) -> Result<(Self, Option<Borrowed>), DecodeError> {
                if bulk::is_numbers::<Self>() {
                    return whole::read(parcel, 0).map_err(DecodeError::of::<Self>);
                }
                let Parcel { bytes, descriptors } = parcel;
                let bytes = bytes.leak();
                let arguments = parcel::read_as::<Self, Self>(bytes, descriptors)?;
                Ok((arguments, None))
            }
        }
    };
}

#[allow(non_snake_case, reason = "the types' names serve as the variables' too")]
mod arities {
    use super::{Argument, Arguments, Borrowed, DecodeError, EncodeError, Parcel};
    use super::{bulk, parcel, whole};

    arguments_of!();
    arguments_of!(A);
    arguments_of!(A B);
    arguments_of!(A B C);
    arguments_of!(A B C D);
    arguments_of!(A B C D E);
    arguments_of!(A B C D E G);
    arguments_of!(A B C D E G H);
    arguments_of!(A B C D E G H I);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again<A: Arguments>(arguments: &A) -> (usize, A) {
        let parcel = arguments.encode().expect("a parcel");
        (parcel.bytes.len(), A::decode(parcel).expect("the arguments").0)
    }

    #[test]
    fn vectors_of_numbers_cross_as_their_bytes_whatever_stands_beside_them() {
        let arguments = (vec![1_u64; 1_000], "text", vec![2_i32; 500], vec![true, false]);
        let (length, back) = again(&arguments);
        assert_eq!(back, arguments);
        assert!((10_000..10_050).contains(&length), "{length} bytes");
        assert_eq!(again(&(vec![7_u8; 100_000],)).1.0.len(), 100_000);
        assert_eq!(again(&()), (2, ()));
    }

    #[test]
    fn numbers_cut_short_are_an_error() {
        let arguments = (vec![1_u64; 3], 5_u8);
        let whole = arguments.encode().expect("a parcel").bytes.to_vec();
        for cut in 0..whole.len() {
            let bytes = whole[..cut].to_vec().into();
            <(Vec<u64>, u8)>::decode(Parcel { bytes, ..Parcel::default() }).expect_err("cut");
        }
    }
}
