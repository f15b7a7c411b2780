//! A running process, and joining it.
//!
//! In: the parent's end of its corridor. Out: its value or the [`JoinError`] that says why there is
//! none. What always holds: a handle resolves exactly once; dropping it neither kills the process
//! nor waits for it.

use crate::corridor::{Corridor, Until};
use crate::ending::{Ending, JoinError};
use crate::forked;
use crate::frame::{Order, Returned};
use crate::launch::Launched;
use crate::stdio::Drain;
use crate::value::Value;
use procession_sys::parcel::{self, Waiting};
use procession_sys::signal;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{ChildStderr, ChildStdin, ChildStdout};
use std::time::{Duration, Instant};

/// A process that has been started, and will give an `R`.
///
/// Its value is had by [`join`](Child::join) and its relatives. Dropping the handle does nothing
/// to the process: it goes on, it is still reaped when it ends, and unless it is a daemon the
/// program still waits for it before it ends ([`detach`](Child::detach) changes that).
///
/// Join each child soon after it has ended: its answer waits in the kernel till then.
///
/// ```
/// use procession::Process;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let children = (1..=3_u64)
///     .map(|n| Process::new(|n: u64| n * n, (n,)).start())
///     .collect::<Result<Vec<_>, _>>()?;
/// let squares = children.into_iter().map(|child| child.join()).collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(squares, [1, 4, 9]);
/// # Ok(())
/// # }
/// ```
pub struct Child<R> {
    /// The writing end of its standard input, if that was piped. Joining closes it.
    pub stdin: Option<ChildStdin>,
    /// The reading end of its standard output, if that was piped. What is left in it when the
    /// child is joined is read and thrown away, so that a full pipe cannot hold the child up.
    pub stdout: Option<ChildStdout>,
    /// The reading end of its standard error, if that was piped. The last of what is left in it
    /// when the child is joined is part of the error.
    pub stderr: Option<ChildStderr>,
    corridor: Corridor,
    output: Drain,
    errors: Drain,
    resolved: Option<Ending>,
    value: PhantomData<fn() -> R>,
}

impl<R: Value> Child<R> {
    pub(crate) fn new(launched: Launched) -> Self {
        let [stdin, stdout, stderr] = launched.pipes;
        Self {
            stdin: stdin.map(ChildStdin::from),
            stdout: stdout.map(ChildStdout::from),
            stderr: stderr.map(ChildStderr::from),
            corridor: launched.corridor,
            output: Drain::default(),
            errors: Drain::default(),
            resolved: None,
            value: PhantomData,
        }
    }

    /// Waits until the process is gone, and gives its value.
    ///
    /// "Gone" is strict: it has been reaped, its memory, locks and files are free again.
    ///
    /// # Errors
    /// [`JoinError`] where it ended without a value: how, and its last words.
    ///
    /// # Panics
    /// Where the kernel has no memory for `poll(2)`, as all waits on a child.
    pub fn join(mut self) -> Result<R, JoinError> {
        self.finish()
    }

    /// As [`Child::join`], and the handle stays.
    pub(crate) fn finish(&mut self) -> Result<R, JoinError> {
        self.take_pipes();
        self.wait(Until::Exit, None);
        self.resolve()
    }

    /// Waits until the value is there, and gives it. The process may still be on its way out; its
    /// exit handlers may still run.
    ///
    /// # Errors
    /// As [`Child::join`].
    pub fn value(mut self) -> Result<R, JoinError> {
        self.take_pipes();
        self.wait(Until::Answer, None);
        self.resolve()
    }

    /// The value if the process is gone, none if it is not; never waits.
    ///
    /// Unlike [`join`](Child::join), the calls that may come back without a value leave piped
    /// streams alone.
    ///
    /// # Errors
    /// As [`Child::join`]; and [`Ending::Taken`] after a call that gave the value.
    #[doc(alias = "exitcode")]
    pub fn try_join(&mut self) -> Result<Option<R>, JoinError> {
        self.join_deadline(Instant::now())
    }

    /// As [`Child::join`], for at most `timeout`; then none.
    ///
    /// ```
    /// use procession::Process;
    /// use std::time::Duration;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut child = Process::new(|| loop { std::thread::park() }, ()).start()?;
    /// # let _: &procession::Child<()> = &child;
    /// assert!(child.join_timeout(Duration::from_millis(10))?.is_none());
    /// child.kill()?;
    /// assert_eq!(child.join().unwrap_err().signal(), Some(9));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Child::try_join`].
    pub fn join_timeout(&mut self, timeout: Duration) -> Result<Option<R>, JoinError> {
        let deadline = Instant::now().checked_add(timeout);
        if self.wait(Until::Exit, deadline) { self.resolve().map(Some) } else { Ok(None) }
    }

    /// As [`Child::join`], until `deadline`; then none.
    ///
    /// # Errors
    /// As [`Child::try_join`].
    pub fn join_deadline(&mut self, deadline: Instant) -> Result<Option<R>, JoinError> {
        if self.wait(Until::Exit, Some(deadline)) { self.resolve().map(Some) } else { Ok(None) }
    }

    /// Ends the process in order: SIGTERM, then `grace` to leave, then SIGKILL. Waits until it is
    /// gone; one that was done in time gives its value.
    ///
    /// A stopped process is continued, so that it can obey.
    ///
    /// # Errors
    /// As [`Child::join`]: usually that SIGTERM killed it.
    pub fn stop(mut self, grace: Duration) -> Result<R, JoinError> {
        self.take_pipes();
        let asked = self.terminate().and_then(|()| self.corridor.signal(signal::SIGCONT));
        let deadline = Instant::now().checked_add(grace);
        let obeyed = asked.is_ok() && self.wait(Until::Exit, deadline);
        if !obeyed {
            // Refused only for a process of another user by now, which is waited for then.
            let _ = self.kill();
        }
        self.join()
    }

    fn resolve(&mut self) -> Result<R, JoinError> {
        let ending = match self.resolved.take() {
            Some(ending) => ending,
            None => match self.corridor.verdict() {
                Some(Ok(value)) => match Self::read(value) {
                    Ok(value) => {
                        self.resolved = Some(Ending::Taken);
                        return Ok(value);
                    }
                    Err(ending) => ending,
                },
                Some(Err(ending)) => ending,
                None => Ending::Lost,
            },
        };
        self.resolved = Some(ending.clone());
        Err(JoinError::new(self.name(), self.id(), ending, self.errors.tail()))
    }

    fn read(value: Returned) -> Result<R, Ending> {
        value.decode().map_err(|error| Ending::Undecodable(error.to_string()))
    }
}

impl<R> Child<R> {
    /// Its process id. It is certainly this process's only until it has been joined.
    #[doc(alias = "pid")]
    pub fn id(&self) -> u32 {
        self.corridor.id()
    }

    /// Its name: as given, or `Process-1`, `Process-1:2` by its place in the family tree.
    pub fn name(&self) -> &str {
        self.corridor.name()
    }

    /// Whether the process has not ended yet.
    pub fn is_alive(&mut self) -> bool {
        !self.wait(Until::Exit, Some(Instant::now())) && !self.corridor.has_ended()
    }

    /// Sends SIGINT, as Ctrl-C does. A process that has ended is no error.
    ///
    /// # Errors
    /// `PermissionDenied` where the process has become another user's.
    pub fn interrupt(&self) -> io::Result<()> {
        self.corridor.signal(signal::SIGINT)
    }

    /// Sends SIGTERM, which asks it to end. A process that has ended is no error.
    ///
    /// # Errors
    /// As [`Child::interrupt`].
    pub fn terminate(&self) -> io::Result<()> {
        self.corridor.signal(signal::SIGTERM)
    }

    /// Sends SIGKILL, which ends it. A process that has ended is no error.
    ///
    /// # Errors
    /// As [`Child::interrupt`].
    pub fn kill(&self) -> io::Result<()> {
        self.corridor.signal(signal::SIGKILL)
    }

    /// Lets the process go: nobody waits for it, not even the end of the program. It is still
    /// reaped, and a daemon still ends with its parent.
    pub fn detach(self) {
        let serial = self.corridor.serial();
        let Some(server) = self.corridor.server() else { return forked::detach(serial) };
        // A server that is gone waits for nobody.
        let _ = parcel::send(server.control(), &[&Order::detach(serial)], &[], Waiting::Allowed);
    }

    fn wait(&mut self, until: Until, deadline: Option<Instant>) -> bool {
        if self.resolved.is_some() {
            return true;
        }
        let outputs = &mut [&mut self.output, &mut self.errors];
        self.corridor.wait(until, deadline, outputs).expect("poll(2) needs a little memory")
    }

    /// For the last wait: standard input ends, outputs that the user has not taken are drained.
    fn take_pipes(&mut self) {
        self.stdin = None;
        let drain = |pipe: OwnedFd| Drain::of(pipe).unwrap_or_default();
        self.output = self.stdout.take().map(|pipe| drain(pipe.into())).unwrap_or_default();
        self.errors = self.stderr.take().map(|pipe| drain(pipe.into())).unwrap_or_default();
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

/// The descriptor is ready to read exactly when [`Child::join`] would not wait. (Before Linux 5.3,
/// which has no pidfds, already when [`Child::value`] would not.)
impl<R> AsFd for Child<R> {
    #[doc(alias = "sentinel")]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.corridor.end()
    }
}

impl<R> fmt::Debug for Child<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child").field("name", &self.name()).field("id", &self.id()).finish()
    }
}
