//! The values: each with types of its own, most with one attribute of serde.

mod flattened;
mod helpers;
mod named;
mod plain;
mod shapes;
mod skipped;
mod tagged;
mod untagged;

use crate::Case;

/// Every case, in the order of the printed list.
pub(crate) fn all() -> impl Iterator<Item = &'static Case> {
    let lists =
        [plain::CASES, shapes::CASES, skipped::CASES, named::CASES, tagged::CASES, untagged::CASES];
    lists.into_iter().flatten()
}
