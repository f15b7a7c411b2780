//! A process that has not been started: a plan.
//!
//! In: a function with its arguments, or a value with a `run` method, and options. Out: a running
//! [`Child`]. What always holds: nothing happens before `start`, and a plan is started once.

use crate::arguments::Arguments;
use crate::child::Child;
use crate::frame::{Answer, StartMethod};
use crate::function::{self, Function};
use crate::launch;
use crate::limits::Limits;
use crate::parcel::EncodeError;
use crate::settle::Options;
use crate::start_error::StartError;
use crate::stdio::Stdio;
use crate::value::Value;
use procession_sys::image::Key;
use procession_sys::parcel::Parcel;
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::path::Path;

/// A function and its arguments, to be run in a process of their own.
///
/// ```
/// use procession::Process;
///
/// fn longest(path: &str, shortest: usize) -> Vec<String> {
///     let text = std::fs::read_to_string(path).unwrap_or_default();
///     text.split_whitespace().filter(|word| word.len() >= shortest).map(str::to_owned).collect()
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let child = Process::new(longest, ("/proc/cpuinfo", 8)).name("reader").start()?;
/// println!("{} runs as {}", child.name(), child.id());
/// let words = child.join()?;
/// # let _ = words;
/// # Ok(())
/// # }
/// ```
///
/// The function may be any function item or a closure that captures nothing; what it needs from
/// here goes through its arguments. Statics, thread-locals, loggers and caches that the program
/// filled are as empty in the child as at the program's start: see [`setup`](Process::setup).
///
/// A closure that captures does not compile:
///
/// ```compile_fail,E0373
/// let factor = 3;
/// procession::Process::new(|n: u32| n * factor, (14,));
/// ```
/// ```compile_fail,E0277
/// let text = String::from("moved");
/// procession::Process::new(move |n: usize| text.len() + n, (14,));
/// ```
/// ```compile_fail,E0080
/// let factor = 3;
/// procession::Process::new(move |n: u32| n * factor, (14,));
/// ```
/// nor does a function pointer, an argument list that is no tuple of what the function takes, an
/// argument or a value that serde cannot write, or a value that never comes:
///
/// ```compile_fail,E0080
/// procession::Process::new((|n: u32| n) as fn(u32) -> u32, (14,));
/// ```
/// ```compile_fail,E0277
/// procession::Process::new(|n: u32| n, 14_u32);
/// ```
/// ```compile_fail,E0277
/// procession::Process::new(|thread: std::thread::Thread| (), (std::thread::current(),));
/// ```
/// ```compile_fail,E0277
/// procession::Process::new(|| std::time::Instant::now(), ());
/// ```
/// ```compile_fail,E0277
/// procession::Process::new(|| loop { std::thread::park() }, ()).start();
/// ```
/// The last is written so that it has a type: `fn serve() { loop { … } }`.
#[derive(Debug)]
#[must_use = "a plan does nothing until it is started"]
pub struct Process<R, W = Named> {
    options: Options,
    work: W,
    value: PhantomData<fn() -> R>,
}

/// The work of a plan that [`Process::new`] or [`Process::of`] made: a function of the program, and
/// its arguments.
#[derive(Debug)]
pub struct Named {
    function: io::Result<Key>,
    arguments: Result<Parcel, EncodeError>,
    method: StartMethod,
}

/// The work of a plan that [`Process::fork`] made: a closure and what it captured.
pub struct Closure<F>(F);

impl<F> fmt::Debug for Closure<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::any::type_name::<F>())
    }
}

/// Your own type as a process: its fields are the arguments, `run` is the function.
///
/// ```
/// use procession::{Process, Run};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Greeter { greeting: String, times: usize }
///
/// impl Run for Greeter {
///     type Output = String;
///
///     fn run(self) -> String {
///         vec![self.greeting; self.times].join(" ")
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let greeter = Greeter { greeting: "hello".to_owned(), times: 2 };
/// assert_eq!(greeter.start()?.join()?, "hello hello");
///
/// // With the process's own options:
/// let greeter = Greeter { greeting: "hi".to_owned(), times: 1 };
/// let child = Process::of(greeter).name("greeter").daemon(true).start()?;
/// assert_eq!(child.join()?, "hi");
/// # Ok(())
/// # }
/// ```
pub trait Run: Value + Sized {
    /// What it gives back.
    type Output: Value;

    /// Runs in the child.
    fn run(self) -> Self::Output;

    /// Starts it with the options' defaults; [`Process::of`] takes options.
    ///
    /// # Errors
    /// As [`Process::start`].
    fn start(self) -> Result<Child<Self::Output>, StartError> {
        Process::of(self).start()
    }
}

impl Process<()> {
    /// A process that will call `function` with `arguments`, a tuple.
    #[doc(alias = "target")]
    #[doc(alias = "args")]
    #[expect(clippy::needless_pass_by_value, reason = "arguments are given away")]
    pub fn new<F, A>(function: F, arguments: A) -> Process<F::Output>
    where
        F: Function<A, Output: Value>,
        A: Arguments,
    {
        let work = Named {
            function: function::key(function),
            arguments: arguments.encode(),
            method: StartMethod::default(),
        };
        Process { options: Options::default(), work, value: PhantomData }
    }

    /// A process that will call `value`'s [`Run::run`].
    pub fn of<T: Run>(value: T) -> Process<T::Output> {
        Process::new(T::run, (value,))
    }

    /// A process that will call `closure`, which may capture anything, by forking this process.
    ///
    /// This is `fork(2)` without its question which side one is on, and with typed values and
    /// endings. Only a process with one thread may do it: the child would lack the others and keep
    /// their locks. Prefer [`Process::new`]; the fork keeps less:
    ///
    /// - P5: the child is this process's own. A `waitpid(-1)` of yours can take it away, as an
    ///   ignored SIGCHLD does: its value still arrives, but how it ended without one may be
    ///   [`Lost`](crate::Ending::Lost). A dropped handle leaves a zombie until the next fork or the
    ///   end of the program.
    /// - P10: the child has all of this process's memory, descriptors, signal handlers and mask.
    /// - Its start costs more the more memory this process uses.
    /// - It needs pidfds (Linux 5.3); where a kernel or a sandbox lacks them, the start is an error.
    ///
    /// ```
    /// # // A doctest runs in a thread of its own, where forking is refused.
    /// use procession::Process;
    ///
    /// let table = vec![1_u64, 2, 3]; // never copied
    /// match Process::fork(|| table.iter().sum::<u64>()).start() {
    ///     Ok(child) => assert_eq!(child.join().unwrap(), 6),
    ///     Err(refused) => assert_eq!(refused.kind(), procession::StartErrorKind::Threads),
    /// }
    /// ```
    #[doc(alias = "os.fork")]
    pub fn fork<F, T>(closure: F) -> Process<T, Closure<F>>
    where
        F: FnOnce() -> T,
        T: Value,
    {
        Process { options: Options::default(), work: Closure(closure), value: PhantomData }
    }
}

// Plans exist for values only. A bound here would add a second, longer error to the first.
impl<R, W> Process<R, W> {
    /// The process's name, shown by `ps` (its first 15 bytes) and in errors. Default: its place in
    /// the family tree, `Process-1` for the first child, `Process-1:2` for that one's second.
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
    /// else the program sets up at its start and the child does not have.
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
    #[doc(alias = "initializer")]
    pub fn setup<S: Function<(), Output = ()>>(mut self, setup: S) -> Self {
        self.options.setup = Some(function::key(setup));
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

    /// The child's standard input.
    pub fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        self.options.stdio[0] = stdin.into();
        self
    }

    /// The child's standard output.
    pub fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.options.stdio[1] = stdout.into();
        self
    }

    /// The child's standard error. Piped and left alone, its last lines become part of the error
    /// of a child that fails.
    pub fn stderr(mut self, stderr: impl Into<Stdio>) -> Self {
        self.options.stdio[2] = stderr.into();
        self
    }
}

impl<R> Process<R> {
    /// How it is made. Default: [`StartMethod::ForkServer`].
    #[doc(alias = "set_start_method")]
    #[doc(alias = "get_context")]
    pub fn start_method(mut self, method: StartMethod) -> Self {
        self.work.method = method;
        self
    }

    /// Starts the process. When this returns, it exists and its function will be called.
    ///
    /// # Errors
    /// [`StartError`]: an argument cannot be encoded, the directory cannot be opened, the kernel
    /// has no room for a process or its descriptors, or this program cannot be started again.
    /// Nothing of the function has run then.
    pub fn start(self) -> Result<Child<R>, StartError> {
        let Named { function, arguments, method } = self.work;
        launch::by_server(self.options, function, arguments, method).map(Child::new)
    }
}

impl<R: Value, F: FnOnce() -> R> Process<R, Closure<F>> {
    /// Forks this process. When this returns, the child exists and will call the closure.
    ///
    /// # Errors
    /// [`StartError`]: this process has more than one thread, the kernel has no pidfds (before
    /// Linux 5.3), or no room for a process. Nothing of the closure has run then.
    pub fn start(self) -> Result<Child<R>, StartError> {
        let Closure(closure) = self.work;
        launch::by_fork(self.options, || Answer::returned(&closure())).map(Child::new)
    }
}

impl fmt::Display for StartMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ForkServer => "fork server",
            Self::Spawn => "spawn",
        })
    }
}
