//! What may be an argument or a result, and the error of functions that fail.
//!
//! In: any serde type. Out: the bound [`Value`] that says so, and [`Failure`], which turns any error
//! into one. What always holds: a failure that crossed reads as it read where it happened, with
//! its whole chain of causes.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::fmt;

/// What can cross to another process and back: any owned type that serde can write and read.
///
/// It is implemented for every such type; there is nothing to implement by hand.
///
/// A value is read on the stack of the thread that asks for it, as deep as its type nests: a list of
/// boxes a million long overflows it, as its destructor would. A `Vec` of a type without bytes takes
/// as long to read as its length says.
///
/// ```
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Report { words: u64, longest: String }
///
/// fn assert_value<T: procession::Value>() {}
/// assert_value::<Report>();
/// assert_value::<Result<Vec<Report>, procession::Failure>>();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot cross to another process",
    label = "this value would have to come back from the child",
    note = "derive serde's `Serialize` and `Deserialize` for it",
    note = "for other crates' errors return `Result<_, procession::Failure>`",
    note = "a function or closure that never returns is declared `-> ()`"
)]
pub trait Value: Serialize + DeserializeOwned + 'static {}

impl<T: Serialize + DeserializeOwned + 'static> Value for T {}

/// The error of a function that fails in another process: any error, as text that can cross.
///
/// `?` turns every error into a `Failure`; it keeps the message and the chain of causes, not the
/// type. It is not an [`Error`] itself, so that `?` can convert into it, but it becomes a
/// `Box<dyn Error>` by `?` again.
///
/// ```
/// use procession::{Failure, Process};
///
/// fn lines(path: &str) -> Result<usize, Failure> {
///     Ok(std::fs::read_to_string(path)?.lines().count())
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let lines = Process::new(lines, ("/proc/self/status",)).start()?.join()??;
/// assert!(lines > 10);
/// let failure = Process::new(self::lines, ("/no/such/file",)).start()?.join()?.unwrap_err();
/// assert!(failure.to_string().contains("No such file"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    message: String,
    causes: Vec<String>,
}

impl Failure {
    /// A failure with these words.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), causes: Vec::new() }
    }

    /// A failure of what is an error only behind a reference, as in a `Box<dyn Error>`, which `?`
    /// cannot turn into one: `result.map_err(|error| Failure::of(&*error))`.
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        let mut failure = Self::new(error.to_string());
        let mut cause = error.source();
        while let Some(error) = cause {
            failure.causes.push(error.to_string());
            cause = error.source();
        }
        failure
    }

    /// What caused it, the nearest cause first.
    pub fn causes(&self) -> impl Iterator<Item = &str> {
        self.causes.iter().map(String::as_str)
    }
}

impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::of(&error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.causes.iter().try_for_each(|cause| write!(f, ": {cause}"))
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A failure on its way into a `Box<dyn Error>`.
#[derive(Debug)]
struct Boxed(Failure);

impl fmt::Display for Boxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Boxed {}

impl From<Failure> for Box<dyn Error> {
    fn from(failure: Failure) -> Self {
        Box::new(Boxed(failure))
    }
}

impl From<Failure> for Box<dyn Error + Send + Sync> {
    fn from(failure: Failure) -> Self {
        Box::new(Boxed(failure))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(std::num::ParseIntError);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the configuration is wrong")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn a_failure_keeps_the_chain_of_causes() {
        let failure = Failure::from(Outer("x".parse::<u8>().unwrap_err()));
        assert_eq!(
            failure.to_string(),
            "the configuration is wrong: invalid digit found in string"
        );
        assert_eq!(failure.causes().count(), 1);
        let boxed: Box<dyn Error + Send + Sync> = failure.clone().into();
        assert_eq!(boxed.to_string(), failure.to_string());
    }
}
