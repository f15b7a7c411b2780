//! Functions that can be started as processes.
//!
//! In: a function item or a closure that captures nothing, and its arguments as a tuple. Out: a
//! [`Key`] by which another process of this program finds it, and the code that runs it there:
//! arguments out of a parcel, the call, the value into a parcel. What always holds: the value goes
//! back by the way the arguments came.

use crate::arguments::Arguments;
use crate::bulk;
use crate::frame::Answer;
use crate::value::Value;
use procession_sys::image::{self, Body, Key};
use procession_sys::parcel::Parcel;
use std::io;
use std::marker::PhantomData;

/// A function item or a closure that captures nothing, callable with the tuple `Args`.
///
/// Implemented for up to eight arguments; there is nothing to implement by hand. A closure that
/// captures is refused by the compiler: when it borrows (E0373), when it moves a `String` or the
/// like (it is not `Copy`), and at `cargo build`, not yet at `cargo check`, when it moves a `Copy`
/// value or is a function pointer (an assertion on its size).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be started with the arguments `{Args}`",
    label = "not a function of these arguments",
    note = "arguments are a tuple of the function's parameters, at most eight: `()`, `(a,)`, `(a, b)`",
    note = "a closure may not capture: pass the values in the tuple"
)]
pub trait Function<Args>: Copy + Send + 'static {
    /// What it returns.
    type Output;

    /// Calls it.
    fn call(self, args: Args) -> Self::Output;
}

macro_rules! function_of {
    ($($argument:ident)*) => {
        impl<F, R, $($argument,)*> Function<($($argument,)*)> for F
        where
            F: Fn($($argument),*) -> R + Copy + Send + 'static,
        {
            type Output = R;

            fn call(self, ($($argument,)*): ($($argument,)*)) -> R {
                self($($argument),*)
            }
        }
    };
}

#[allow(non_snake_case, reason = "the types' names serve as the variables' too")]
mod arities {
    use super::Function;

    function_of!();
    function_of!(A);
    function_of!(A B);
    function_of!(A B C);
    function_of!(A B C D);
    function_of!(A B C D E);
    function_of!(A B C D E G);
    function_of!(A B C D E G H);
    function_of!(A B C D E G H I);
}

/// The key of `function`, called with the arguments `A`.
pub(crate) fn key<F, A>(function: F) -> io::Result<Key>
where
    F: Function<A>,
    A: Arguments,
    F::Output: Value,
{
    Key::of(image::entry::<F, Crossing<A>>(function))
}

/// The way through a function in the child.
struct Crossing<A>(PhantomData<A>);

impl<F, A> Body<F> for Crossing<A>
where
    F: Function<A>,
    A: Arguments,
    F::Output: Value,
{
    fn run(function: F, input: Parcel) -> Parcel {
        match A::decode(input) {
            Err(error) => Answer::refused(&format!("its arguments: {error}")),
            Ok((arguments, memory)) => {
                // A value that does not travel so leaves the memory to its owner at once.
                let memory = memory.filter(|_| bulk::is_numbers::<F::Output>());
                Answer::returned_in(&function.call(arguments), memory)
            }
        }
    }
}
