//! What all plans of a process begin with.

use crate::arguments::Arguments;
use crate::frame::StartMethod;
use crate::function::Function;
use crate::setup::Setup;
use std::fmt;
use std::sync::OnceLock;

static DEFAULTS: OnceLock<Defaults> = OnceLock::new();

/// What every process that this one starts has, unless its plan says otherwise.
///
/// [`set`](Self::set) it once, before the first start:
///
/// ```
/// use procession::{Defaults, Process};
/// use std::sync::OnceLock;
///
/// static LEVEL: OnceLock<u8> = OnceLock::new();
///
/// fn set_up(level: u8) {
///     LEVEL.set(level).expect("a process is set up once");
///     // Children of this child begin with nothing set, unless it says so itself:
///     let _ = Defaults::new().setup_with(set_up, (level,)).set();
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// Defaults::new().setup_with(set_up, (3,)).set()?;
/// let level = Process::new(|| LEVEL.get().copied(), ()).start()?.join()?;
/// assert_eq!(level, Some(3));
/// # Ok(())
/// # }
/// ```
///
/// There are no defaults for environment, directory, umask, streams, limits, niceness and processors:
/// a child has those of the process that starts it, so set them there.
///
/// Like every static, defaults are empty in a child. A set-up that sets them again, as above, has
/// them hold for the whole tree. They do not hold for [`Process::fork`](crate::Process::fork), whose
/// child has all that this process has set up, nor for a heartbeat's own process.
#[derive(Clone, Debug, Default)]
#[must_use = "defaults hold once they are set"]
pub struct Defaults {
    pub(crate) setup: Option<Setup>,
    pub(crate) method: Option<StartMethod>,
}

impl Defaults {
    /// No defaults but the library's.
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`Process::setup`](crate::Process::setup).
    pub fn setup<S: Function<(), Output: 'static>>(self, setup: S) -> Self {
        self.setup_with(setup, ())
    }

    /// As [`Process::setup_with`](crate::Process::setup_with). The arguments are encoded once; each
    /// child gets them.
    pub fn setup_with<S, A>(mut self, setup: S, arguments: A) -> Self
    where
        S: Function<A, Output: 'static>,
        A: Arguments,
    {
        self.setup = Some(Setup::new(setup, arguments));
        self
    }

    /// As [`Process::start_method`](crate::Process::start_method).
    pub fn start_method(mut self, method: StartMethod) -> Self {
        self.method = Some(method);
        self
    }

    /// Has them hold for all processes that this one starts from now on.
    ///
    /// # Errors
    /// If this process has set defaults before.
    pub fn set(self) -> Result<(), DefaultsError> {
        DEFAULTS.set(self).map_err(|_rejected| DefaultsError(()))
    }
}

/// The defaults of this process.
pub(crate) fn defaults() -> Option<&'static Defaults> {
    DEFAULTS.get()
}

/// Defaults were set twice in one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DefaultsError(());

impl fmt::Display for DefaultsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the defaults of this process have been set before: set them once, in one place",
        )
    }
}

impl std::error::Error for DefaultsError {}
