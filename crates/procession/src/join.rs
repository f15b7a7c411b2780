//! Joining children whose function can fail, and joining many children.

use crate::child::Child;
use crate::ending::{Ending, JoinError};
use crate::failure::Failure;
use crate::value::Value;

impl<T: Value, E: Value + Into<Failure>> Child<Result<T, E>> {
    /// Waits like [`Child::join`], and makes an error of the function an error of the process.
    ///
    /// [`join`](Child::join) keeps the two apart and takes two question marks, `child.join()??`.
    /// With `join_flat` one is enough, and the error names the process whose function failed.
    ///
    /// ```
    /// use procession::{Context, Failure, Process};
    /// use std::error::Error;
    ///
    /// fn lines(path: &str) -> Result<usize, Failure> {
    ///     let text = std::fs::read_to_string(path).context("cannot count the lines")?;
    ///     Ok(text.lines().count())
    /// }
    ///
    /// # fn main() -> Result<(), procession::StartError> {
    /// let child = Process::new(lines, ("/no/such/file",)).name("counter").start()?;
    /// let error = child.join_flat().unwrap_err();
    /// assert!(error.to_string().starts_with("process `counter` (pid "));
    /// assert!(error.to_string().ends_with(" failed"));
    /// assert_eq!(error.source().unwrap().to_string(), "cannot count the lines");
    /// assert!(error.failure().unwrap().causes().next().unwrap().contains("No such file"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Child::join`], and [`Ending::Failed`] if the function returned an error.
    pub fn join_flat(mut self) -> Result<T, JoinError> {
        self.finish()?.map_err(|error| self.error(Ending::Failed(error.into())))
    }
}

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
