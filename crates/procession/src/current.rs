//! Who this process is, and whose child.
//!
//! In: what the parent sent at the start. Out: [`current`], [`parent`]. What always holds: it is
//! set before any user code of a child, and never in a process that procession did not
//! start.

use crate::frame::beginning;
use procession_sys::published::Published;
use procession_sys::wait::{self, Interest};
use std::hash::{Hash, Hasher};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

static OWN: Published<Own> = Published::new();

/// What a child knows of itself and its parent.
#[derive(Debug)]
pub(crate) struct Own {
    pub(crate) name: String,
    /// The numbers of the family tree down to this process; empty for the root.
    pub(crate) family: Vec<u64>,
    pub(crate) daemon: bool,
    pub(crate) parent: (u32, String),
    pub(crate) parent_pidfd: Option<OwnedFd>,
}

/// Says who this process is: once in a process, but a fork of a child is a child anew.
pub(crate) fn set(own: Own) {
    OWN.set(Box::leak(Box::new(own)));
}

fn own() -> Option<&'static Own> {
    OWN.get()
}

/// The numbers of the family tree down to this process.
pub(crate) fn family() -> &'static [u64] {
    own().map_or(&[], |own| &own.family)
}

/// A process of this program, in a few words.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProcessInfo {
    pub(crate) name: String,
    pub(crate) id: u32,
    pub(crate) daemon: bool,
}

impl ProcessInfo {
    /// Its name: `main` for the process that procession did not start.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    #[doc(alias = "pid")]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Whether it ends when its parent does.
    #[doc(alias = "daemon")]
    pub fn is_daemon(&self) -> bool {
        self.daemon
    }
}

/// Some of these names, for a sentence.
pub(crate) fn name_some<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const NAMED: usize = 5;
    const LONGEST: usize = 100;
    let mut names = names.map(|name| format!("`{}`", beginning(name, LONGEST)));
    let first = names.by_ref().take(NAMED).collect::<Vec<_>>().join(", ");
    match names.count() {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// This process.
///
/// ```
/// let here = procession::current();
/// assert_eq!((here.name(), here.id()), ("main", std::process::id()));
/// let there = procession::Process::new(|| procession::current().name().to_owned(), ())
///     .name("other")
///     .start()
///     .unwrap();
/// assert_eq!(there.join().unwrap(), "other");
/// ```
#[doc(alias = "current_process")]
pub fn current() -> ProcessInfo {
    let id = std::process::id();
    match own() {
        Some(own) => ProcessInfo { name: own.name.clone(), id, daemon: own.daemon },
        None => ProcessInfo { name: "main".to_owned(), id, daemon: false },
    }
}

/// The process that started this one; none in a process that procession did not start.
///
/// ```
/// use procession::Process;
///
/// assert!(procession::parent().is_none());
/// let parent_of = || procession::parent().map(|parent| (parent.name().to_owned(), parent.id()));
/// let there = Process::new(parent_of, ()).start().unwrap().join().unwrap();
/// assert_eq!(there, Some(("main".to_owned(), std::process::id())));
/// ```
#[doc(alias = "parent_process")]
pub fn parent() -> Option<Parent> {
    own().map(Parent)
}

/// The process that started this one.
#[derive(Clone, Copy, Debug)]
pub struct Parent(&'static Own);

/// Two are equal if they name the same process.
impl PartialEq for Parent {
    fn eq(&self, other: &Self) -> bool {
        self.0.parent == other.0.parent
    }
}

impl Eq for Parent {}

impl Hash for Parent {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.parent.hash(state);
    }
}

impl Parent {
    /// Its name.
    pub fn name(self) -> &'static str {
        &self.0.parent.1
    }

    /// Its process id, which may be somebody else's once it has ended.
    pub fn id(self) -> u32 {
        self.0.parent.0
    }

    /// Whether it is alive.
    ///
    /// # Errors
    /// `Unsupported` where the kernel has no pidfds (before Linux 5.3).
    pub fn is_alive(self) -> io::Result<bool> {
        Ok(!self.ended_by(Some(Instant::now()))?)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// As [`Parent::is_alive`].
    pub fn wait(self) -> io::Result<()> {
        self.ended_by(None).map(drop)
    }

    /// Waits for its end, at most `timeout`; whether it has ended.
    ///
    /// # Errors
    /// As [`Parent::is_alive`].
    pub fn wait_timeout(self, timeout: Duration) -> io::Result<bool> {
        self.ended_by(Instant::now().checked_add(timeout))
    }

    fn ended_by(self, deadline: Option<Instant>) -> io::Result<bool> {
        let pidfd = self.0.parent_pidfd.as_ref().ok_or_else(|| {
            io::Error::new(io::ErrorKind::Unsupported, "this kernel has no pidfds (Linux 5.3)")
        })?;
        Ok(wait::ready(&[(pidfd.as_fd(), Interest::Readable)], deadline)? == [true])
    }
}
