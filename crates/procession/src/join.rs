//! Joining many children.

use crate::child::Child;
use crate::ending::JoinError;
use crate::value::Value;

/// Joins all `children`, in their order; every one is waited for, also when others fail.
///
/// ```
/// use procession::{Process, join_all};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let square = |n: u64| n * n;
/// let children: Vec<_> =
///     (1..=3).map(|n| Process::new(square, (n,)).start()).collect::<Result<_, _>>()?;
/// let squares: Vec<u64> = join_all(children).into_iter().collect::<Result<_, _>>()?;
/// assert_eq!(squares, [1, 4, 9]);
/// # Ok(())
/// # }
/// ```
pub fn join_all<R: Value>(
    children: impl IntoIterator<Item = Child<R>>,
) -> Vec<Result<R, JoinError>> {
    children.into_iter().map(Child::join).collect()
}
