//! The error of a function that fails in another process.
//!
//! # Invariants
//! - A [`Failure`] reads in the parent as the error read in the child, with its chain of causes.
//! - [`Failure`] is not `Unpin`. The conversion from any error into a `Failure` asks for `Unpin`, so
//!   it leaves out `Failure` itself, and `Failure` can implement [`Error`] too. Otherwise the
//!   conversion would overlap with the standard library's `From<T> for T`.
//! - A chain has a limited length, also one that another process wrote. An error that is its own
//!   cause therefore becomes a failure as well, and cloning a chain cannot overflow the stack.

use serde::{Deserialize, Serialize};
use std::error::Error;
use std::fmt;
use std::marker::PhantomData;

/// The error of a function that fails in another process: any error, as text that can cross.
///
/// A `Failure` keeps the message of an error and the messages of its causes, not its type.
///
/// # Converting errors into a `Failure`
///
/// `?` converts every error that the standard library turns into a `Box<dyn Error>`: every type that
/// implements [`Error`], `Box<dyn Error>`, `String`, `&str`, `anyhow::Error` and `eyre::Report`. The
/// error does not have to be `Send` or `Sync`, because only its text crosses. Two kinds of errors
/// need one call more:
///
/// - `Box<dyn Error + Send + Sync>`: it does not implement [`Error`], and the standard library does
///   not turn it into a `Box<dyn Error>`. It may do so one day, so the compiler refuses a second
///   conversion for this type alone beside the general one (E0119). Call
///   [`context`](Context::context), or `map_err(|error| Failure::of(&*error))`.
/// - An error that is not `Unpin`, such as one that contains an unboxed future: box it first.
///
/// # Converting a `Failure` into other errors
///
/// `Failure` implements [`Error`], and is `Send` and `Sync`. `?` therefore converts it into
/// `Box<dyn Error>`, `anyhow::Error` and `eyre::Report`, and [`source`](Error::source) gives the
/// chain of causes. Like `anyhow::Error`, it prints the message with `{}`, and the message and all
/// causes on one line with `{:#}` and `{:?}`.
///
/// ```
/// use procession::{Context, Failure, Process};
///
/// fn lines(path: &str) -> Result<usize, Failure> {
///     if path.is_empty() {
///         return Err("the path is empty".into());
///     }
///     let text = std::fs::read_to_string(path).context(format!("cannot read `{path}`"))?;
///     Ok(text.lines().count())
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // The first `?` is for a process that ended without a value, the second for the failure.
/// let lines = Process::new(lines, ("/proc/self/status",)).start()?.join()??;
/// assert!(lines > 10);
///
/// let failure = Process::new(self::lines, ("/no/such/file",)).start()?.join()?.unwrap_err();
/// assert_eq!(failure.to_string(), "cannot read `/no/such/file`");
/// assert!(failure.causes().next().unwrap().contains("No such file"));
/// # Ok(())
/// # }
/// ```
///
/// An error that is not converted by `?` alone:
///
/// ```
/// use procession::{Context, Failure};
/// use std::error::Error;
///
/// fn parse(text: &str) -> Result<u8, Box<dyn Error + Send + Sync>> {
///     Ok(text.parse()?)
/// }
///
/// fn level(text: &str) -> Result<u8, Failure> {
///     let level = parse(text).context("the level is no number")?;
///     if level > 9 {
///         parse("too high").map_err(|error| Failure::of(&*error))?;
///     }
///     Ok(level)
/// }
///
/// assert_eq!(level("x").unwrap_err().causes().next(), Some("invalid digit found in string"));
/// assert_eq!(level("10").unwrap_err().to_string(), "invalid digit found in string");
/// assert_eq!(level("3").unwrap(), 3);
/// ```
///
/// It does not compile without:
///
/// ```compile_fail,E0277
/// # use std::error::Error;
/// fn parse(text: &str) -> Result<u8, Box<dyn Error + Send + Sync>> {
///     Ok(text.parse()?)
/// }
///
/// fn level(text: &str) -> Result<u8, procession::Failure> {
///     Ok(parse(text)?)
/// }
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Messages", into = "Messages")]
pub struct Failure {
    message: String,
    cause: Option<Box<Cause>>,
}

/// How many causes are kept. Chains are a few errors long; only a faulty one comes here.
const MOST_CAUSES: usize = 256;

/// One error of a chain, and the rest of the chain.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Cause {
    message: String,
    cause: Option<Box<Cause>>,
}

/// A failure on its way: the messages of the chain, the outermost first. It is flat, so that a long
/// chain does not nest.
#[derive(Serialize, Deserialize)]
struct Messages(String, Vec<String>);

impl Failure {
    /// Creates a failure with this message and no cause.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), cause: None }
    }

    /// Creates a failure with the message of an error that stands behind a reference, and with those
    /// of its causes.
    ///
    /// ```
    /// use procession::Failure;
    /// use std::error::Error;
    ///
    /// let error: Box<dyn Error + Send + Sync> = "no space left".into();
    /// assert_eq!(Failure::of(&*error).to_string(), "no space left");
    /// ```
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        let mut messages = Vec::new();
        let mut cause = error.source();
        while let Some(error) = cause.filter(|_| messages.len() <= MOST_CAUSES) {
            messages.push(error.to_string());
            cause = error.source();
        }
        Messages(error.to_string(), messages).into()
    }

    /// Puts a message in front: the failure so far becomes the cause.
    ///
    /// ```
    /// use procession::Failure;
    ///
    /// let failure = Failure::new("connection refused").context("cannot fetch the list");
    /// assert_eq!(failure.to_string(), "cannot fetch the list");
    /// assert_eq!(format!("{failure:#}"), "cannot fetch the list: connection refused");
    /// ```
    #[must_use]
    pub fn context(self, message: impl fmt::Display) -> Self {
        let Self { message: before, cause } = self;
        let cause = Some(Box::new(Cause { message: before, cause }));
        Self { message: message.to_string(), cause }
    }

    /// The messages of the causes, the nearest cause first.
    pub fn causes(&self) -> impl Iterator<Item = &str> {
        let first = self.cause.as_deref();
        let chain = std::iter::successors(first, |cause| cause.cause.as_deref());
        chain.map(|cause| cause.message.as_str())
    }
}

/// Prints an error and its causes on one line.
pub(crate) fn write_chain(error: &dyn Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{error}")?;
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.take(MOST_CAUSES).try_for_each(|cause| write!(f, ": {cause}"))
}

/// Has no value that implements [`Never`].
struct NotUnpin<'a>(PhantomData<&'a ()>);

/// Is implemented by no type.
trait Never {}

/// Never applies. Without an implementation with a condition of its own `Failure` would be `Unpin`,
/// see the module's invariants.
impl<'a> Unpin for Failure where NotUnpin<'a>: Never {}

impl<E: Into<Box<dyn Error>> + Unpin> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::of(&*error.into())
    }
}

impl From<Messages> for Failure {
    fn from(Messages(message, mut causes): Messages) -> Self {
        if causes.len() > MOST_CAUSES {
            causes.truncate(MOST_CAUSES);
            causes.push(format!("the causes after the first {MOST_CAUSES} are left out"));
        }
        let chain = causes.into_iter().rev();
        let cause = chain.fold(None, |cause, message| Some(Box::new(Cause { message, cause })));
        Self { message, cause }
    }
}

impl From<Failure> for Messages {
    fn from(failure: Failure) -> Self {
        let causes = failure.causes().map(str::to_owned).collect();
        Self(failure.message, causes)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if f.alternate() {
            self.causes().try_for_each(|cause| write!(f, ": {cause}"))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:#}")
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

/// The kind of [`Context`] for errors that convert into a [`Failure`].
#[derive(Debug)]
pub enum ByConversion {}

/// The kind of [`Context`] for `Box<dyn Error + Send + Sync>`, which does not convert.
#[derive(Debug)]
pub enum ByReference {}

/// The kind of [`Context`] for `None`.
#[derive(Debug)]
pub enum ByAbsence {}

/// Adds a message to an error on its way into a [`Failure`].
///
/// ```
/// use procession::{Context, Failure};
///
/// fn port(text: &str) -> Result<u16, Failure> {
///     let port = text.split(':').nth(1).context("the address has no port")?;
///     port.parse::<u16>().with_context(|| format!("`{port}` is not a port"))
/// }
///
/// assert_eq!(port("localhost:80").unwrap(), 80);
/// assert_eq!(port("localhost").unwrap_err().to_string(), "the address has no port");
/// let failure = port("localhost:http").unwrap_err();
/// assert_eq!(format!("{failure:#}"), "`http` is not a port: invalid digit found in string");
/// ```
///
/// It does the same as the trait of this name in anyhow, whose results `?` converts into a
/// [`Failure`] as well. Import one of the two. The compiler infers `Kind`, which keeps the
/// implementations apart.
pub trait Context<T, Kind> {
    /// Puts `message` in front of the error, which becomes the cause.
    ///
    /// # Errors
    /// The failure, if `self` is an error or is `None`.
    fn context(self, message: impl fmt::Display) -> Result<T, Failure>;

    /// Like [`context`](Self::context), with a message that is made only for an error.
    ///
    /// # Errors
    /// As [`context`](Self::context).
    fn with_context<M: fmt::Display>(self, message: impl FnOnce() -> M) -> Result<T, Failure>;
}

impl<T, E: Into<Failure>> Context<T, ByConversion> for Result<T, E> {
    fn context(self, message: impl fmt::Display) -> Result<T, Failure> {
        self.with_context(|| message)
    }

    fn with_context<M: fmt::Display>(self, message: impl FnOnce() -> M) -> Result<T, Failure> {
        self.map_err(|error| error.into().context(message()))
    }
}

impl<T> Context<T, ByReference> for Result<T, Box<dyn Error + Send + Sync>> {
    fn context(self, message: impl fmt::Display) -> Result<T, Failure> {
        self.with_context(|| message)
    }

    fn with_context<M: fmt::Display>(self, message: impl FnOnce() -> M) -> Result<T, Failure> {
        self.map_err(|error| Failure::of(&*error).context(message()))
    }
}

impl<T> Context<T, ByAbsence> for Option<T> {
    fn context(self, message: impl fmt::Display) -> Result<T, Failure> {
        self.with_context(|| message)
    }

    fn with_context<M: fmt::Display>(self, message: impl FnOnce() -> M) -> Result<T, Failure> {
        self.ok_or_else(|| Failure::new(message().to_string()))
    }
}

#[cfg(test)]
mod tests;
