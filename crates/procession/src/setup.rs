//! The set-up of a child: a function that runs before the process's own, and what it returns.
//!
//! # Invariants
//! - The returned value is dropped after the function has returned or panicked and the answer has
//!   been sent, on the thread that made it, before the process leaves.
//! - A copy that a function makes of its process does not drop it.

use crate::arguments::Arguments;
use crate::frame::Answer;
use crate::function::Function;
use crate::value_error::EncodeError;
use procession_sys::image::{self, Body, Key};
use procession_sys::parcel::Parcel;
use std::any::Any;
use std::cell::Cell;
use std::io;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

thread_local! {
    /// What the set-up of this process returned.
    static GUARD: Cell<Option<Box<dyn Any>>> = const { Cell::new(None) };
}

/// A set-up function and its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    function: Result<Key, Arc<io::Error>>,
    arguments: Result<Arc<Parcel>, EncodeError>,
}

impl Setup {
    #[expect(clippy::needless_pass_by_value, reason = "arguments are given away")]
    pub(crate) fn new<S, A>(function: S, arguments: A) -> Self
    where
        S: Function<A, Output: 'static>,
        A: Arguments,
    {
        let function = Key::of(image::entry::<S, Preparing<A>>(function)).map_err(Arc::new);
        Self { function, arguments: arguments.encode().map(Arc::new) }
    }

    /// What a start carries of it.
    pub(crate) fn resolve(self) -> io::Result<(Key, Arc<Parcel>)> {
        let key = self.function.map_err(shared)?;
        Ok((key, self.arguments.map_err(io::Error::other)?))
    }
}

/// An error that several plans share.
pub(crate) fn shared(error: Arc<io::Error>) -> io::Error {
    io::Error::new(error.kind(), error)
}

/// Calls a set-up function in the child.
struct Preparing<A>(PhantomData<A>);

impl<F, A> Body<F> for Preparing<A>
where
    F: Function<A, Output: 'static>,
    A: Arguments,
{
    fn run(function: F, input: Parcel) -> Parcel {
        match A::decode(input) {
            Err(error) => Answer::refused(&format!("its setup's arguments: {error}")),
            // All processes of a plan have its set-up's arguments, so none writes there.
            Ok((arguments, _memory)) => {
                GUARD.set(Some(Box::new(function.call(arguments))));
                Parcel::default()
            }
        }
    }
}

/// Drops what the set-up returned. A panic of its destructor has been printed, and changes nothing:
/// the answer has been sent.
pub(crate) fn drop_guard() {
    let guard = GUARD.take();
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(guard))) {
        // A payload may panic as it is dropped.
        std::mem::forget(payload);
    }
}

/// For a copy of the process that made it, whose threads and files it may stand for.
pub(crate) fn forget_inherited_guard() {
    std::mem::forget(GUARD.take());
}
