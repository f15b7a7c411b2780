//! Why a descriptor in a value was not duplicated. A serializer passes on a text only.

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::io;

thread_local! {
    /// The error of the system that this thread met when it last duplicated a descriptor in vain.
    /// An error of a serializer is a text only.
    static REFUSED: Cell<i32> = const { Cell::new(0) };
}

/// Keeps the error of a duplicate until the encoding that met it has failed.
pub(crate) fn note(error: &io::Error) {
    REFUSED.set(error.raw_os_error().unwrap_or_default());
}

/// Why a descriptor in the value that this thread has just failed to encode was not duplicated;
/// `None` if that is not why it failed.
pub(crate) fn take() -> Option<NotDuplicated> {
    let code = REFUSED.replace(0);
    let is_limit = code == procession_sys::descriptor::TOO_MANY;
    let limit = is_limit.then(procession_sys::descriptor::limit).flatten();
    (code != 0).then_some(NotDuplicated { code, limit })
}

/// The system refused a duplicate of a descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotDuplicated {
    code: i32,
    /// The limit that is met, where it is this process's limit on open files.
    limit: Option<u64>,
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
