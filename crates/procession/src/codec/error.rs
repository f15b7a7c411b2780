//! The errors of encoding and decoding.
//!
//! Inside of the codec an error is a number of four bytes, so that results stay in registers. Its
//! text and its place in the value are kept by the thread, since they are needed once at most.
//!
//! # Invariants
//! - A text given to `Error::custom` is the reason of the `EncodeError` or `DecodeError` that comes
//!   of it.
//! - The errors that a value's own code creates and drops take a bounded amount of memory.

use super::tag;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::num::NonZeroU32;

/// How many errors of a thread are kept; an error is passed on or dropped long before as many more
/// have been created.
const KEPT: usize = 32;

/// The longest path that is kept: what failed is named by its last steps.
const LONGEST_PATH: usize = 32;

/// An error of the codec.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Error(NonZeroU32);

/// A step from a value to a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Field(String),
    Variant(String),
    Index(usize),
    Key(String),
}

/// What is known of an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Details {
    reason: String,
    /// The innermost step first.
    path: Vec<Step>,
    /// The type of the part that failed, for an error in a part.
    part: Option<&'static str>,
}

thread_local! {
    static NUMBER: Cell<u32> = const { Cell::new(0) };
    static DETAILS: RefCell<Vec<(Error, Details)>> = const { RefCell::new(Vec::new()) };
}

impl Error {
    /// An error for this reason.
    #[cold]
    #[inline(never)]
    pub(super) fn new(reason: String) -> Self {
        let next = NUMBER.get().wrapping_add(1);
        NUMBER.set(next);
        let error = Self(NonZeroU32::new(next).unwrap_or(NonZeroU32::MAX));
        // In the destructors of a thread's own variables this one may be gone; so is the text then.
        let _ = DETAILS.try_with(|details| {
            let mut details = details.borrow_mut();
            if details.len() == KEPT {
                details.remove(0);
            }
            details.push((error, Details::new(reason)));
        });
        error
    }

    /// The same error, in the part `step` of a value; that part has the type `part`.
    #[cold]
    #[inline(never)]
    pub(super) fn at(self, step: Step, part: &'static str) -> Self {
        let _ = DETAILS.try_with(|details| {
            let mut details = details.borrow_mut();
            if let Some((_, found)) = details.iter_mut().rfind(|(error, _)| *error == self) {
                found.part.get_or_insert(part);
                if found.path.len() < LONGEST_PATH {
                    found.path.push(step);
                }
            }
        });
        self
    }

    /// What is known of this error, which is then forgotten.
    #[cold]
    pub(crate) fn take(self) -> Details {
        let taken = DETAILS.try_with(|details| {
            let mut details = details.borrow_mut();
            let at = details.iter().rposition(|(error, _)| *error == self)?;
            Some(details.swap_remove(at).1)
        });
        let unknown = || Details::new("the reason is not known".into());
        taken.ok().flatten().unwrap_or_else(unknown)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = DETAILS.try_with(|details| {
            let details = details.borrow();
            details.iter().rfind(|(error, _)| error == self).map(|(_, found)| found.to_string())
        });
        f.write_str(&reason.ok().flatten().unwrap_or_default())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({self})")
    }
}

impl std::error::Error for Error {}

impl serde::ser::Error for Error {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self::new(reason.to_string())
    }
}

impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self::new(reason.to_string())
    }
}

impl Details {
    pub(crate) fn new(reason: String) -> Self {
        Self { reason, ..Self::default() }
    }

    /// Whether a part failed, and not the whole.
    pub(crate) fn is_in_part(&self) -> bool {
        self.part.is_some()
    }

    /// Writes the part that failed, if it is not the whole.
    pub(crate) fn fmt_place(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(part) = self.part else { return Ok(()) };
        f.write_str("in `")?;
        self.path.iter().rev().try_for_each(|step| fmt::Display::fmt(step, f))?;
        write!(f, "` (`{part}`)")
    }
}

impl fmt::Display for Details {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.part.is_some() {
            self.fmt_place(f)?;
            f.write_str(": ")?;
        }
        f.write_str(&self.reason)?;
        // serde's own text for a path, which has no remedy in it.
        if self.reason == "path contains invalid UTF-8 characters" {
            f.write_str("; send it as an `OsString`, which holds any bytes")?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Variant(name) => write!(f, "::{name}"),
            Self::Index(index) => write!(f, "[{index}]"),
            Self::Key(key) => write!(f, "[{key}]"),
        }
    }
}

/// Names an entry of a map by its key, which has been written as `key`.
#[cold]
pub(super) fn describe_key(key: &[u8], index: usize) -> Step {
    /// The longest key that is shown.
    const SHOWN: usize = 40;
    let text = match *key {
        [tag::STR, a, b, c, d, ref rest @ ..] => {
            let length = u32::from_le_bytes([a, b, c, d]) as usize;
            rest.get(..length).filter(|_| length <= SHOWN)
        }
        _ => None,
    };
    match text.and_then(|text| std::str::from_utf8(text).ok()) {
        Some(text) => Step::Key(format!("{text:?}")),
        None => Step::Index(index),
    }
}
