//! A handle on a process without its value: what it is, whether it runs, and ways to end it.
//!
//! # Invariants
//! - A signal reaches the process that was started or nothing: it goes through a pidfd, or through
//!   the fork server, which has not reaped the process.
//! - A handle does not take the value, and does not reap.

use crate::family;
use crate::frame::Order;
use crate::link::Server;
use crate::usage::ResourceUsage;
use procession_sys::fault::stands;
use procession_sys::life::{self, Pid};
use procession_sys::parcel::{self, Waiting};
use procession_sys::signal;
use procession_sys::wait::{self, Interest};
use std::borrow::Borrow;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// How long a process is waited for that may not have got its SIGKILL.
pub(crate) const UNCERTAIN: Duration = Duration::from_secs(5);

/// How often a process is asked for that has no pidfd (before Linux 5.3).
const ASKING: Duration = Duration::from_millis(10);

/// A process that was started, as all of its handles know it.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) id: u32,
    /// The number of its start among those of its parent.
    pub(crate) serial: u64,
    pub(crate) socket: OwnedFd,
    /// Shared with the list of this process's own forks.
    pub(crate) pidfd: Option<Arc<OwnedFd>>,
    /// `None` for a child that this process forked itself.
    pub(crate) server: Option<Arc<Server>>,
    /// Set once its exit has been read.
    pub(crate) outcome: OnceLock<Outcome>,
}

/// What is known of a process beside its ending, once it has been reaped.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) usage: ResourceUsage,
    /// Descendants that could not be killed.
    pub(crate) survivors: Vec<u32>,
}

/// What became of a SIGKILL.
#[derive(Debug)]
pub(crate) enum Kill {
    /// The kernel has sent it: the process ends.
    Sent,
    /// The fork server was told to send it.
    Ordered,
    Refused(io::Error),
}

impl Kill {
    /// Why a process that was to get it and goes on does so.
    pub(crate) fn why_not(self) -> io::Error {
        match self {
            Self::Refused(error) => error,
            Self::Sent | Self::Ordered => io::Error::new(
                io::ErrorKind::PermissionDenied,
                "a sandbox refuses signals, and its fork server has not ended it",
            ),
        }
    }
}

impl Target {
    /// Ready to read when the process has ended. Without pidfds (before Linux 5.3) the socket
    /// stands in, which is ready as soon as there is an answer.
    pub(crate) fn end(&self) -> BorrowedFd<'_> {
        self.pidfd.as_deref().unwrap_or(&self.socket).as_fd()
    }

    /// Sends the process a signal; one that has ended is no error.
    pub(crate) fn signal(&self, number: i32) -> io::Result<()> {
        if !stands("signals-by-pidfd") {
            return Pid::told(self.id).map_or(Ok(()), |pid| life::signal_child(pid, number));
        }
        let sent = self.pidfd.as_ref().map(|pidfd| life::send_signal(pidfd.as_fd(), number));
        let server = match (sent, &self.server) {
            (None, None) => return Ok(()),
            (None, Some(server)) => server,
            // In a sandbox that refuses the call the server sends it, which knows its children.
            (Some(Err(_)), Some(server)) if life::refuses_signals() => server,
            (Some(sent), _) => return sent,
        };
        let order = Order::signal(self.serial, number);
        parcel::send(server.control(), &[&order], &[], Waiting::Allowed)
    }

    /// Kills the process. Without a pidfd, or where a sandbox refuses its use, the fork server does
    /// it, and may be refused; then the process need not end.
    pub(crate) fn kill(&self) -> Kill {
        match self.signal(signal::SIGKILL) {
            Err(error) => Kill::Refused(error),
            Ok(()) if self.pidfd.is_some() && !life::refuses_signals() => Kill::Sent,
            Ok(()) => Kill::Ordered,
        }
    }

    /// Waits until the process has ended or the deadline has passed; returns whether it has ended.
    fn wait(&self, deadline: Option<Instant>) -> io::Result<bool> {
        if let Some(pidfd) = &self.pidfd {
            let end = [(pidfd.as_fd(), Interest::Readable)];
            return Ok(wait::ready(&end, deadline)? == [true]);
        }
        while !self.is_gone_from_its_server() {
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Ok(false);
            }
            thread::sleep(left.unwrap_or(ASKING).min(ASKING));
        }
        Ok(true)
    }

    /// For a process without a pidfd. A server that is gone can be asked for nobody.
    fn is_gone_from_its_server(&self) -> bool {
        let listed = self.server.as_deref().and_then(|server| family::lists(server, self.serial));
        self.outcome.get().is_some() || listed != Some(true)
    }
}

/// A handle on a process that was started: its identity, and ways to end it. It has no type of a
/// value, can be cloned and sent to other threads, and outlives the [`Child`](crate::Child).
///
/// [`Child::handle`](crate::Child::handle) gives one. One thread can kill a process while another
/// joins it, and handles of children of different types can stand in one list.
///
/// ```
/// use procession::{Process, ProcessHandle, stop_all};
/// use std::time::Duration;
///
/// fn count() -> u64 { loop { std::thread::park() } }
/// fn name() -> String { loop { std::thread::park() } }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (counter, namer) = (Process::new(count, ()).start()?, Process::new(name, ()).start()?);
/// let handles: Vec<ProcessHandle> = vec![counter.handle(), namer.handle()];
///
/// let joining = std::thread::spawn(move || counter.join());
/// stop_all(&handles, Duration::from_secs(5))?;
/// assert!(handles.iter().all(ProcessHandle::is_finished));
/// assert_eq!(joining.join().unwrap().unwrap_err().signal(), Some(15));
/// assert!(namer.join().is_err());
/// # Ok(())
/// # }
/// ```
///
/// A signal is sent to the process that was started, or to none: the handle does not use the
/// process id, which the kernel may have given to another process by then.
#[derive(Clone)]
pub struct ProcessHandle(Arc<Target>);

impl ProcessHandle {
    pub(crate) fn new(target: &Arc<Target>) -> Self {
        Self(Arc::clone(target))
    }

    /// Its process id. Once the process has been joined, another process may have the number.
    #[doc(alias = "pid")]
    pub fn id(&self) -> u32 {
        self.0.id
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether the process has ended.
    pub fn is_finished(&self) -> bool {
        // A wait that the kernel refuses for want of memory says nothing.
        self.0.wait(Some(Instant::now())).unwrap_or(false)
    }

    /// Waits until the process has ended, for at most `timeout`; returns whether it has.
    ///
    /// # Errors
    /// As `poll(2)`: no memory.
    pub fn wait_timeout(&self, timeout: Duration) -> io::Result<bool> {
        self.0.wait(Instant::now().checked_add(timeout))
    }

    /// Sends the signal with this number. A process that has ended is no error.
    ///
    /// # Errors
    /// `PermissionDenied` if the process has become another user's, `InvalidInput` for a number
    /// that is no signal.
    #[doc(alias = "send_signal")]
    pub fn signal(&self, signal: i32) -> io::Result<()> {
        self.0.signal(signal)
    }

    /// Sends SIGINT, as Ctrl-C does. A process that has ended is no error.
    ///
    /// # Errors
    /// As [`ProcessHandle::signal`].
    pub fn interrupt(&self) -> io::Result<()> {
        self.0.signal(signal::SIGINT)
    }

    /// Sends SIGTERM, which asks it to end. A process that has ended is no error.
    ///
    /// # Errors
    /// As [`ProcessHandle::signal`].
    pub fn terminate(&self) -> io::Result<()> {
        self.0.signal(signal::SIGTERM)
    }

    /// Sends SIGKILL, which ends it. A process that has ended is no error.
    ///
    /// # Errors
    /// As [`ProcessHandle::signal`].
    pub fn kill(&self) -> io::Result<()> {
        self.0.signal(signal::SIGKILL)
    }

    /// Ends the process in order: SIGTERM, then `grace` to leave, then SIGKILL. Waits until it has
    /// ended; its value or error is for the [`Child`](crate::Child).
    ///
    /// # Errors
    /// As [`stop_all`].
    pub fn stop(&self, grace: Duration) -> io::Result<()> {
        stop_all([self], grace)
    }

    /// What the process used until it ended. `None` until its [`Child`](crate::Child) has been
    /// joined, and if its fork server was killed before it.
    pub fn usage(&self) -> Option<ResourceUsage> {
        self.0.outcome.get().map(|outcome| outcome.usage)
    }

    /// The process ids of descendants that were to end with the process and could not be killed
    /// ([`Process::kill_descendants`](crate::Process::kill_descendants)). Known once its
    /// [`Child`](crate::Child) has been joined.
    pub fn survivors(&self) -> &[u32] {
        self.0.outcome.get().map_or(&[], |outcome| &outcome.survivors)
    }
}

/// Ready to read when the process has ended. (Before Linux 5.3, which has no pidfds, already when
/// [`Child::value`](crate::Child::value) would not wait.)
impl AsFd for ProcessHandle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.end()
    }
}

impl fmt::Debug for ProcessHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessHandle").field("name", &self.name()).field("id", &self.id()).finish()
    }
}

/// Ends all of these processes in order and at the same time: SIGTERM to each, one `grace` for all
/// of them to leave, then SIGKILL to those that are left. Waits until they have ended.
///
/// Stopped processes are continued, so that they can obey. Values and errors are for whoever joins
/// the [`Child`](crate::Child)ren.
///
/// # Errors
/// Names each process that could not be ended, and why. A process that nobody here may signal, as one
/// that has become another user's, is waited for five seconds more. The others have ended all the
/// same.
///
/// # Examples
/// See [`ProcessHandle`].
pub fn stop_all<H: Borrow<ProcessHandle>>(
    handles: impl IntoIterator<Item = H>,
    grace: Duration,
) -> io::Result<()> {
    let handles: Vec<H> = handles.into_iter().collect();
    for handle in &handles {
        let target = &handle.borrow().0;
        // What is refused here is refused to the kill too, which says so.
        let _ = target.signal(signal::SIGTERM).and_then(|()| target.signal(signal::SIGCONT));
    }
    let deadline = Instant::now().checked_add(grace);
    let mut left = Vec::new();
    for handle in &handles {
        let target = &handle.borrow().0;
        if !target.wait(deadline)? {
            left.push((target, target.kill()));
        }
    }
    let patience = Some(Instant::now() + UNCERTAIN);
    let mut going_on = Vec::new();
    for (target, kill) in left {
        let until = if matches!(kill, Kill::Sent) { None } else { patience };
        if !target.wait(until)? {
            going_on.push((target, kill.why_not()));
        }
    }
    let Some((_, first)) = going_on.first() else { return Ok(()) };
    let kind = first.kind();
    let each = going_on.iter().map(|(target, error)| {
        format!("process `{}` (pid {}) cannot be ended: {error}", target.name, target.id)
    });
    Err(io::Error::new(kind, each.collect::<Vec<_>>().join("; ")))
}
