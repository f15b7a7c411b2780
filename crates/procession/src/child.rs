//! A running process, and joining it.
//!
//! In: the parent's end of its corridor. Out: its value or the [`JoinError`] that says why there is
//! none. What always holds: a handle resolves exactly once; dropping it does not wait for the process,
//! and kills it only where the plan says so.

use crate::corridor::{Corridor, Until};
use crate::ending::{Ending, JoinError};
use crate::forked;
use crate::frame::{Order, Returned};
use crate::handle::{Kill, ProcessHandle, Target, UNCERTAIN};
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
/// Call [`join`](Child::join), [`value`](Child::value) or [`try_join`](Child::try_join) to get the
/// return value. Dropping the handle does nothing to the process, unless its plan says
/// [`kill_on_drop`](crate::Process::kill_on_drop): it goes on, it is still reaped when it ends, and unless it is a daemon the
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
    /// The reading end of its standard output, if that was piped. Take it to read the output. The
    /// first call that joins the child takes it otherwise, with or without a time limit: the output
    /// is then read and thrown away, so that a full pipe cannot hold the child up.
    pub stdout: Option<ChildStdout>,
    /// The reading end of its standard error, if that was piped. Take it to read the errors. The
    /// first call that joins the child takes it otherwise, with or without a time limit: the last
    /// lines become part of the [`JoinError`].
    pub stderr: Option<ChildStderr>,
    corridor: Corridor,
    output: Drain,
    errors: Drain,
    resolved: Option<Ending>,
    value: PhantomData<fn() -> R>,
}

impl<R: Value> Child<R> {
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
        self.close_input();
        self.take_outputs();
        self.wait(Until::Exit, None);
        self.resolve()
    }

    /// As [`Child::finish`], with what it wrote to piped outputs that the user has not taken.
    pub(crate) fn finish_with_output(&mut self) -> (Result<R, JoinError>, [Vec<u8>; 2]) {
        self.stdin = None;
        let whole = |pipe: OwnedFd| Drain::whole(pipe).unwrap_or_default();
        self.output = self.stdout.take().map(|pipe| whole(pipe.into())).unwrap_or_default();
        self.errors = self.stderr.take().map(|pipe| whole(pipe.into())).unwrap_or_default();
        self.wait(Until::Exit, None);
        let value = self.resolve();
        (value, [self.output.take(), self.errors.take()])
    }

    /// Waits until the value is there, and gives it. The process may still be on its way out; its
    /// exit handlers may still run.
    ///
    /// # Errors
    /// As [`Child::join`].
    pub fn value(mut self) -> Result<R, JoinError> {
        self.close_input();
        self.take_outputs();
        self.wait(Until::Answer, None);
        self.resolve()
    }

    /// Returns the value if the process is gone and `None` if it is not; never waits.
    ///
    /// Like [`join`](Child::join), it takes and drains the piped outputs that nobody has taken, so a
    /// child that prints more than a pipe holds ends, and its last lines become part of the error.
    /// Unlike `join`, it leaves the child's standard input open.
    ///
    /// # Errors
    /// As [`Child::join`]; and [`Ending::Taken`] after a call that gave the value.
    #[doc(alias = "exitcode")]
    pub fn try_join(&mut self) -> Result<Option<R>, JoinError> {
        self.join_deadline(Instant::now())
    }

    /// Waits like [`Child::join`] for at most `timeout`; returns `None` if the process is not gone by
    /// then. Standard streams are treated as by [`try_join`](Child::try_join).
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
        self.join_until(Instant::now().checked_add(timeout))
    }

    /// Waits like [`Child::join`] until `deadline`; returns `None` if the process is not gone by
    /// then. Standard streams are treated as by [`try_join`](Child::try_join).
    ///
    /// # Errors
    /// As [`Child::try_join`].
    pub fn join_deadline(&mut self, deadline: Instant) -> Result<Option<R>, JoinError> {
        self.join_until(Some(deadline))
    }

    fn join_until(&mut self, deadline: Option<Instant>) -> Result<Option<R>, JoinError> {
        self.take_outputs();
        if self.wait(Until::Exit, deadline) { self.resolve().map(Some) } else { Ok(None) }
    }

    /// Ends the process in order: SIGTERM, then `grace` to leave, then SIGKILL. Waits until it is
    /// gone; one that was done in time gives its value.
    ///
    /// A stopped process is continued, so that it can obey.
    ///
    /// # Errors
    /// As [`Child::join`]: usually that SIGTERM killed it. A process that nobody here may signal, as
    /// one that has become another user's, is waited for five seconds more. If it has not ended by
    /// then, the error says so ([`Ending::NotStopped`]), and the process goes on.
    pub fn stop(mut self, grace: Duration) -> Result<R, JoinError> {
        self.close_input();
        self.take_outputs();
        let asked = self.terminate().and_then(|()| self.corridor.target().signal(signal::SIGCONT));
        let deadline = Instant::now().checked_add(grace);
        let obeyed = asked.is_ok() && self.wait(Until::Exit, deadline);
        if !obeyed {
            let kill = self.corridor.target().kill();
            // Else it would be waited for without an end.
            let certain = matches!(kill, Kill::Sent);
            if !certain && !self.wait(Until::Exit, Some(Instant::now() + UNCERTAIN)) {
                return Err(self.error(Ending::NotStopped(kill.why_not().to_string())));
            }
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
        Err(self.error(ending))
    }

    fn read(value: Returned) -> Result<R, Ending> {
        value.decode().map_err(|error| Ending::Undecodable(error.to_string()))
    }
}

impl<R> Child<R> {
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

    /// Its process id. It is certainly this process's only until it has been joined.
    #[doc(alias = "pid")]
    pub fn id(&self) -> u32 {
        self.corridor.target().id
    }

    /// Its name: as given, or `Process-1`, `Process-1:2` by its place in the family tree.
    pub fn name(&self) -> &str {
        &self.corridor.target().name
    }

    /// A handle without the value's type, for other threads and for lists of children of several
    /// types.
    ///
    /// # Examples
    /// See [`ProcessHandle`].
    pub fn handle(&self) -> ProcessHandle {
        ProcessHandle::new(self.corridor.target())
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
        self.corridor.target().signal(signal::SIGINT)
    }

    /// Sends SIGTERM, which asks it to end. A process that has ended is no error.
    ///
    /// # Errors
    /// As [`Child::interrupt`].
    pub fn terminate(&self) -> io::Result<()> {
        self.corridor.target().signal(signal::SIGTERM)
    }

    /// Sends SIGKILL, which ends it. A process that has ended is no error.
    ///
    /// # Errors
    /// As [`Child::interrupt`].
    pub fn kill(&self) -> io::Result<()> {
        self.corridor.target().signal(signal::SIGKILL)
    }

    /// Lets the process go: nobody waits for it, not even the end of the program. It is still
    /// reaped, and a daemon still ends with its parent.
    pub fn detach(mut self) {
        self.corridor.set_kill_on_drop(false);
        let Target { serial, server, .. } = &**self.corridor.target();
        let Some(server) = server else { return forked::detach(*serial) };
        // A server that is gone waits for nobody.
        let _ = parcel::send(server.control(), &[&Order::detach(*serial)], &[], Waiting::Allowed);
    }

    /// The error that says that this process ended so, with its last words.
    pub(crate) fn error(&self, ending: Ending) -> JoinError {
        let error = JoinError::new(self.name(), self.id(), ending, self.errors.tail());
        error.with_outcome(self.corridor.target().outcome.get().cloned())
    }

    fn wait(&mut self, until: Until, deadline: Option<Instant>) -> bool {
        if self.resolved.is_some() {
            return true;
        }
        let outputs = &mut [&mut self.output, &mut self.errors];
        self.corridor.wait(until, deadline, outputs).expect("poll(2) needs a little memory")
    }

    /// A child that reads its standard input to the end must not wait for a writer that waits for
    /// the child.
    pub(crate) fn close_input(&mut self) {
        self.stdin = None;
    }

    /// The outputs that are being drained and have not ended.
    #[cfg(feature = "tokio")]
    pub(crate) fn outputs(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let outputs = [&self.output, &self.errors];
        outputs.into_iter().filter_map(|output| Some(output.interest()?.0))
    }

    /// Has the outputs that the user has not taken drained from now on.
    pub(crate) fn take_outputs(&mut self) {
        // A pipe that cannot be drained without waiting is closed.
        let drain = |pipe: OwnedFd| Drain::of(pipe).unwrap_or_default();
        if let Some(pipe) = self.stdout.take() {
            self.output = drain(pipe.into());
        }
        if let Some(pipe) = self.stderr.take() {
            self.errors = drain(pipe.into());
        }
    }
}

/// The descriptor is ready to read exactly when [`Child::join`] would not wait. (Before Linux 5.3,
/// which has no pidfds, already when [`Child::value`] would not.)
impl<R> AsFd for Child<R> {
    #[doc(alias = "sentinel")]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.corridor.target().end()
    }
}

impl<R> fmt::Debug for Child<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child").field("name", &self.name()).field("id", &self.id()).finish()
    }
}
