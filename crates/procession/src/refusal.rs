//! Why a descriptor in a value was not duplicated. A value's own code passes on a text at most.

use procession_sys::descriptor;
use std::error::Error;
use std::fmt;
use std::io;

/// The system refused a duplicate of a descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotDuplicated {
    code: i32,
    /// The limit that is met, where it is this process's limit on open files.
    limit: Option<u64>,
}

impl NotDuplicated {
    pub(crate) fn new(error: &io::Error) -> Self {
        let code = error.raw_os_error().unwrap_or_default();
        Self { code, limit: (code == descriptor::TOO_MANY).then(descriptor::limit).flatten() }
    }
}

impl From<NotDuplicated> for io::Error {
    fn from(error: NotDuplicated) -> Self {
        Self::new(Self::from_raw_os_error(error.code).kind(), error)
    }
}

impl fmt::Display for NotDuplicated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let system = io::Error::from_raw_os_error(self.code);
        f.write_str("a descriptor in a value cannot be duplicated: ")?;
        if let Some(limit) = self.limit {
            write!(f, "this process is at its limit of {limit} open files (RLIMIT_NOFILE): ")?;
        }
        system.fmt(f)
    }
}

impl Error for NotDuplicated {}
