//! How deep values may nest.

use super::error::Error;
use procession_sys::stack;

/// How many values a value may lie in: sequences, tuples, maps, structs and variants with content.
pub(crate) const LEVELS: u32 = 10_000;

/// So many values lie in each other before the thread's bounds are looked up again.
pub(super) const SURE: u32 = 64;

/// Decides whether a value may nest deeper, `depth` levels in, where its code needs `frames` bytes of
/// the stack; `floor` is where that ends.
#[cold]
pub(super) fn check_depth(depth: u32, frames: usize, floor: &mut usize) -> Result<(), Error> {
    // On a stack that is not the thread's own, the floor stays.
    *floor = stack::fresh_floor().unwrap_or(*floor);
    if depth > LEVELS {
        return Err(Error::new(format!(
            "it nests deeper than {LEVELS} levels; keep its parts in one `Vec` and refer to them by \
             index"
        )));
    }
    let room = stack::here().checked_sub(frames).is_some_and(|here| here >= *floor);
    if room { Ok(()) } else { Err(out_of_stack()) }
}

#[cold]
fn out_of_stack() -> Error {
    Error::new(
        "it nests deeper than the stack of this thread allows; use a thread with a larger stack, or \
         keep its parts in one `Vec` and refer to them by index"
            .into(),
    )
}
