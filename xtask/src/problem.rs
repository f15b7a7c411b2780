//! What a rule found wrong: where, and what to do about it.
//!
//! Rules return lists of these and never print; the commands print them.

use std::fmt;

/// One finding of one rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    /// Path of the file, relative to the repository.
    pub(crate) path: String,
    /// Line in that file, counted from 1.
    pub(crate) line: usize,
    /// What is wrong and what to do, as one sentence.
    pub(crate) what: String,
}

impl Problem {
    pub(crate) fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}
