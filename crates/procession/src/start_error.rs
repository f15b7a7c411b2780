//! Why a process could not be started.
//!
//! # Invariants
//! - A start that is an error did not run anything of the user's.
//! - `Display` names the process, the step and what the step is about; the source says why.

use crate::failure;
use crate::handover::NotHandedOver;
use crate::value_error::EncodeError;
use procession_sys::thread::ManyThreads;
use std::error::Error;
use std::fmt;
use std::io;

/// A process could not be started. Nothing of it ran.
///
/// `{}` names the process and the step that failed, [`source`](Error::source) says why, and `{:?}`
/// prints both on one line. [`kind`](StartError::kind) groups the errors by what can be done about
/// them.
///
/// ```
/// use procession::{Process, StartErrorKind};
/// use std::error::Error;
///
/// let error = Process::new(|| (), ()).name("lost").current_dir("/no/such/place").start();
/// let error = error.unwrap_err();
/// assert_eq!(error.kind(), StartErrorKind::Option);
/// assert!(error.to_string().ends_with("its working directory `/no/such/place` cannot be used"));
/// assert!(error.source().unwrap().to_string().starts_with("No such file or directory"));
/// ```
pub struct StartError {
    name: String,
    cause: Cause,
}

/// What kind of obstacle a [`StartError`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StartErrorKind {
    /// An argument cannot be encoded.
    Encode,
    /// An option of the plan cannot be used: a working directory that cannot be opened, a text that
    /// is not an environment variable, a `setup` that is not a function of this program.
    Option,
    /// A limit on processes, open files or memory is reached. The same start may work later.
    Limit,
    /// [`Process::fork`](crate::Process::fork) was called in a process with more than one thread.
    Threads,
    /// The fork server cannot be started or does not answer: the program cannot be started again
    /// from its own file, it is another build by now, or it is ending.
    Server,
    /// The system refused anything else.
    System,
}

#[derive(Debug)]
pub(crate) enum Cause {
    /// An argument cannot be encoded.
    Encode(EncodeError),
    /// An option of the plan cannot be used; which.
    Option { which: String, source: io::Error },
    /// The system refused something.
    System { doing: &'static str, source: io::Error },
    /// The fork server could not make the child.
    NotStarted { why: String, source: Option<io::Error> },
    /// There is no fork server, or not one of this program.
    Server(String),
}

impl From<NotHandedOver> for Cause {
    fn from(error: NotHandedOver) -> Self {
        match error {
            NotHandedOver::System { doing, source } => Self::System { doing, source },
            NotHandedOver::NotStarted { why, source } => Self::NotStarted { why, source },
            NotHandedOver::Server(why) => Self::Server(why),
        }
    }
}

impl StartError {
    pub(crate) fn new(name: &str, cause: Cause) -> Self {
        Self { name: name.to_owned(), cause }
    }

    /// The name of the process that was not started.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What kind of obstacle it is.
    pub fn kind(&self) -> StartErrorKind {
        match &self.cause {
            Cause::Encode(_) => StartErrorKind::Encode,
            Cause::Option { source, .. } => kind_of(source, StartErrorKind::Option),
            Cause::System { source, .. } => kind_of(source, StartErrorKind::System),
            Cause::NotStarted { source: Some(source), .. } => {
                kind_of(source, StartErrorKind::System)
            }
            Cause::NotStarted { source: None, .. } | Cause::Server(_) => StartErrorKind::Server,
        }
    }

    /// Returns true if an argument cannot be encoded.
    pub fn is_encode(&self) -> bool {
        self.kind() == StartErrorKind::Encode
    }
}

/// The kind of what the system said, where that decides; else this one.
fn kind_of(error: &io::Error, otherwise: StartErrorKind) -> StartErrorKind {
    // Numbers of Linux, the same on x86-64 and aarch64. `ErrorKind` lacks the last two.
    const EAGAIN: i32 = 11;
    const ENOMEM: i32 = 12;
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    match error.raw_os_error() {
        None if forks_with_threads(error) => StartErrorKind::Threads,
        Some(EAGAIN | ENOMEM | ENFILE | EMFILE) => StartErrorKind::Limit,
        _ => otherwise,
    }
}

fn forks_with_threads(error: &io::Error) -> bool {
    error.get_ref().and_then(|inner| inner.downcast_ref::<ManyThreads>()).is_some()
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process `{}` could not be started: ", self.name)?;
        match &self.cause {
            Cause::Encode(_) => f.write_str("its arguments cannot cross to it"),
            Cause::Option { which, .. } => write!(f, "{which} cannot be used"),
            Cause::System { doing, .. } => write!(f, "{doing} failed"),
            Cause::NotStarted { why, .. } => f.write_str(why),
            Cause::Server(why) => write!(f, "the fork server: {why}"),
        }
    }
}

/// As `unwrap` shows it: the message and the causes.
impl fmt::Debug for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        failure::write_chain(self, f)
    }
}

impl Error for StartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            Cause::Encode(error) => Some(error),
            Cause::Option { source, .. }
            | Cause::System { source, .. }
            | Cause::NotStarted { source: Some(source), .. } => Some(source),
            Cause::NotStarted { source: None, .. } | Cause::Server(_) => None,
        }
    }
}
