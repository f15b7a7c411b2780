//! What a plan may say about its process: the options that every kind of plan has.

use super::Process;
use crate::arguments::Arguments;
#[cfg(doc)]
use crate::child::Child;
#[cfg(doc)]
use crate::defaults::Defaults;
use crate::function::Function;
use crate::limits::Limits;
use crate::setup::Setup;
use crate::stdio::Stdio;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

// Plans exist for values only. A bound here would add a second, longer error to the first.
impl<R, W> Process<R, W> {
    /// The process's name, shown by `ps` (its first 15 bytes) and in errors. Default: its place in
    /// the family tree, `Process-1` for the first child, `Process-1:2` for that one's second.
    ///
    /// A name that is empty, or has a line break or a NUL, makes the start an error.
    ///
    /// [`current`](crate::current) gives the name in the child, and the kernel has it as the name of
    /// the child's main thread. `std::thread::current().name()` is `None` there: std names only the
    /// thread on which the program's own `main` runs, and threads that it starts itself.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.options.name = Some(name.into());
        self
    }

    /// Whether it ends when this process ends, instead of being waited for. Default: as this
    /// process itself.
    ///
    /// When this process ends in an orderly way, a daemon gets SIGTERM, and SIGKILL a second later;
    /// when it is killed, the daemon is killed at once. Daemons may have children of their own.
    pub fn daemon(mut self, daemon: bool) -> Self {
        self.options.daemon = Some(daemon);
        self
    }

    /// A function to run in the child before the process's own: for loggers, statics and whatever
    /// else the program sets up at its start and the child does not have. Default: that of
    /// [`Defaults`], if there is one.
    ///
    /// If it panics, the process's own function is not called, and joining gives the panic. What it
    /// returns is kept until the function is done: see [`setup_with`](Process::setup_with).
    ///
    /// ```
    /// use procession::Process;
    /// use std::sync::OnceLock;
    ///
    /// static UNIT: OnceLock<&str> = OnceLock::new();
    /// fn set_up() { let _ = UNIT.set("words"); }
    ///
    /// let count = |n: u32| format!("{n} {}", UNIT.get().unwrap_or(&"?"));
    /// let child = Process::new(count, (3,)).setup(set_up).start().unwrap();
    /// assert_eq!(child.join().unwrap(), "3 words");
    /// ```
    ///
    /// A panic hook that it sets, such as `color_eyre::install` does, prints the child's panics from
    /// then on. The [`JoinError`](crate::JoinError) has their message and place all the same. A hook
    /// that is set later, by the process's function, hides the place unless it calls the hook before
    /// it ([`take_hook`](std::panic::take_hook)); in a program that aborts on panic, the message too.
    ///
    /// A hook that prints nothing keeps the child silent, where the error is enough:
    ///
    /// ```
    /// use procession::{Child, Process, Stdio};
    ///
    /// fn fail() { panic!("only in the error") }
    /// fn silence() { std::panic::set_hook(Box::new(|_| ())) }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let plan = Process::new(fail, ()).setup(silence).stderr(Stdio::Piped);
    /// let output = plan.start()?.join_with_output();
    /// let error = output.value.unwrap_err();
    /// assert_eq!(error.panic().unwrap().message(), "only in the error");
    /// assert!(output.stderr.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "initializer")]
    pub fn setup<S: Function<(), Output: 'static>>(self, setup: S) -> Self {
        self.setup_with(setup, ())
    }

    /// As [`setup`](Process::setup), for a function that takes arguments. They are encoded once and
    /// may contain whatever a process's own arguments may.
    ///
    /// What the function returns is a guard. It is kept until the process's own function has
    /// returned or panicked, and dropped before the process leaves, on the same thread: a logger
    /// that writes in the background can flush then. The value is sent before, so a slow destructor
    /// delays [`Child::join`] and not [`Child::value`], and a panic in it changes no ending.
    ///
    /// The guard is not dropped by a process that leaves in another way: by a signal, a timeout,
    /// `abort`, or a panic in a program that aborts on panic. Whether `exit` drops it is up to the C
    /// library. A copy that the function makes of its process by a `fork` does not drop it.
    ///
    /// ```
    /// use procession::Process;
    /// use std::io::Write;
    ///
    /// /// Writes its last line when it is dropped.
    /// struct Log(std::fs::File);
    ///
    /// impl Drop for Log {
    ///     fn drop(&mut self) {
    ///         let _ = writeln!(self.0, "closed");
    ///     }
    /// }
    ///
    /// fn open_log(path: String) -> Log {
    ///     Log(std::fs::File::create(path).expect("a place for the log"))
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let path = std::env::temp_dir().join(format!("procession-log-{}", std::process::id()));
    /// let given = path.display().to_string();
    /// Process::new(|| (), ()).setup_with(open_log, (given,)).start()?.join()?;
    /// assert_eq!(std::fs::read_to_string(&path)?, "closed\n");
    /// # std::fs::remove_file(path)?;
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "initargs")]
    pub fn setup_with<S, A>(mut self, setup: S, arguments: A) -> Self
    where
        S: Function<A, Output: 'static>,
        A: Arguments,
    {
        self.options.setup = Some(Setup::new(setup, arguments));
        self
    }

    /// Sets an environment variable in the child, beside those of this process.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.options.environment.set(name.as_ref().to_owned(), value.as_ref().to_owned());
        self
    }

    /// Leaves an environment variable out in the child.
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.options.environment.remove(name.as_ref().to_owned());
        self
    }

    /// Leaves this process's whole environment out in the child.
    pub fn env_clear(mut self) -> Self {
        self.options.environment.clear();
        self
    }

    /// The child's working directory; a relative path starts from this process's. Default: this
    /// process's at the start.
    pub fn current_dir(mut self, directory: impl AsRef<Path>) -> Self {
        self.options.directory = Some(directory.as_ref().to_owned());
        self
    }

    /// What the child may use. Default: as this process.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.options.limits = limits;
        self
    }

    /// The child's niceness, -20 (much processor time) to 19 (little). Default: this thread's.
    /// Less than this process's own needs a privilege; without it the function is not called, and
    /// joining says so ([`Ending::Refused`](crate::Ending::Refused)).
    pub fn nice(mut self, nice: i32) -> Self {
        self.options.nice = Some(nice);
        self
    }

    /// The processors that the child may run on, by number. Default: those of this thread.
    ///
    /// Those that the machine lacks, or that this process may not use, are left out. Where none is
    /// left the function is not called ([`Ending::Refused`](crate::Ending::Refused)).
    pub fn affinity(mut self, cpus: impl IntoIterator<Item = u16>) -> Self {
        self.options.affinity = Some(cpus.into_iter().collect());
        self
    }

    /// How long the process may run, counted from the call of `start` with all of its set-up. One
    /// that has not ended by then is killed; joining it gives
    /// [`Ending::TimedOut`](crate::Ending::TimedOut).
    ///
    /// The kernel measures the time in the child, and the fork server beside it, so it holds
    /// whether or not anything waits for the child. A value that was sent whole in time is
    /// delivered. Time during which the machine is suspended does not count.
    ///
    /// A child that replaces itself by another program keeps the limit, within a second, unless
    /// [`Process::fork`] made it.
    ///
    /// ```
    /// use procession::Process;
    /// use std::time::Duration;
    ///
    /// fn never_done() { loop { std::thread::park() } }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let plan = Process::new(never_done, ()).timeout(Duration::from_millis(50));
    /// let error = plan.start()?.join().unwrap_err();
    /// assert!(error.is_timed_out());
    /// # Ok(())
    /// # }
    /// ```
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = Some(timeout);
        self
    }

    /// Whether the process is killed when its [`Child`] is dropped before it has given its value.
    /// Default: no, it goes on.
    ///
    /// A future of the child that is dropped before it is ready counts as well.
    /// [`Child::detach`] does not kill.
    ///
    /// ```
    /// use procession::{Process, active_children};
    ///
    /// fn never_done() { loop { std::thread::park() } }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let child = Process::new(never_done, ()).kill_on_drop(true).start()?;
    /// let id = child.id();
    /// drop(child);
    /// while active_children().iter().any(|alive| alive.id() == id) {
    ///     std::thread::yield_now();
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn kill_on_drop(mut self, kill: bool) -> Self {
        self.options.kill_on_drop = kill;
        self
    }

    /// The child's user, by number: real, effective and saved. Its environment (`HOME`, `USER`) and
    /// directory stay as they are.
    ///
    /// If this process is root and [`groups`](Process::groups) is not called, the child has no
    /// supplementary groups. Limits and niceness are set before, with this process's privileges. A
    /// refused change is [`Ending::Refused`](crate::Ending::Refused), which names it, and nothing of
    /// the function has run.
    ///
    /// ```
    /// use procession::{Ending, Process};
    ///
    /// use std::os::unix::fs::MetadataExt;
    ///
    /// fn user() -> Option<u32> {
    ///     std::fs::metadata("/proc/self").ok().map(|own| own.uid())
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// match Process::new(user, ()).uid(65534).gid(65534).start()?.join() {
    ///     Ok(user) => assert_eq!(user, Some(65534)),
    ///     Err(error) => assert!(matches!(error.ending(), Ending::Refused(why) if why.contains("group"))),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "user")]
    pub fn uid(mut self, user: u32) -> Self {
        self.options.privileges.uid = Some(user);
        self
    }

    /// The child's group, by number: real, effective and saved. Errors as for [`uid`](Process::uid).
    #[doc(alias = "group")]
    pub fn gid(mut self, group: u32) -> Self {
        self.options.privileges.gid = Some(group);
        self
    }

    /// The child's supplementary groups, by number, in place of this process's. Errors as for
    /// [`uid`](Process::uid).
    #[doc(alias = "extra_groups")]
    pub fn groups(mut self, groups: impl IntoIterator<Item = u32>) -> Self {
        self.options.privileges.groups = Some(groups.into_iter().collect());
        self
    }

    /// Whether programs that the child executes gain no privileges, by set-user-id bits or file
    /// capabilities (`PR_SET_NO_NEW_PRIVS`). The child cannot take it back. Default: as this
    /// process.
    pub fn no_new_privs(mut self, set: bool) -> Self {
        self.options.privileges.no_new_privs = set;
        self
    }

    /// The child's process group: that of the process with this number, 0 for one of its own. A
    /// child in another group does not get Ctrl-C from the terminal. Default: this process's, as it
    /// was at the first start. Errors as for [`uid`](Process::uid).
    pub fn process_group(mut self, group: i32) -> Self {
        self.options.privileges.process_group = Some(group);
        self
    }

    /// Whether the child leads a session of its own, without a terminal. Default: no.
    #[doc(alias = "start_new_session")]
    pub fn setsid(mut self, set: bool) -> Self {
        self.options.privileges.session = set;
        self
    }

    /// The child's standard input.
    pub fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        self.options.stdio[0] = Some(Arc::new(stdin.into()));
        self
    }

    /// The child's standard output.
    pub fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.options.stdio[1] = Some(Arc::new(stdout.into()));
        self
    }

    /// The child's standard error. Piped and left alone, its last lines become part of the error
    /// of a child that fails.
    pub fn stderr(mut self, stderr: impl Into<Stdio>) -> Self {
        self.options.stdio[2] = Some(Arc::new(stderr.into()));
        self
    }
}
