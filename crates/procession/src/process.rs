//! A process that has not been started: a plan.
//!
//! In: a function with its arguments, or a value with a `run` method, and options. Out: a running
//! [`Child`]. What always holds: nothing happens before `start`, and a plan is started once.

use crate::child::Child;
use crate::frame::StartMethod;
use crate::function::{self, Arguments, Function};
use crate::launch::{self, Cause, Plan, StartError};
use crate::limits::Limits;
use crate::parcel::{self, EncodeError};
use crate::stdio::Stdio;
use crate::value::Value;
use crate::world::Environment;
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
pub struct Process<R> {
    function: io::Result<Key>,
    setup: Option<io::Result<Key>>,
    arguments: Result<Parcel, EncodeError>,
    name: Option<String>,
    daemon: Option<bool>,
    method: StartMethod,
    environment: Environment,
    directory: Option<std::path::PathBuf>,
    limits: Limits,
    nice: Option<i32>,
    affinity: Option<Vec<u16>>,
    stdio: [Stdio; 3],
    value: PhantomData<fn() -> R>,
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
        Process {
            function: function::key(function),
            setup: None,
            arguments: parcel::encode(Vec::new(), &arguments),
            name: None,
            daemon: None,
            method: StartMethod::default(),
            environment: Environment::default(),
            directory: None,
            limits: Limits::default(),
            nice: None,
            affinity: None,
            stdio: [Stdio::Inherit, Stdio::Inherit, Stdio::Inherit],
            value: PhantomData,
        }
    }

    /// A process that will call `value`'s [`Run::run`].
    pub fn of<T: Run>(value: T) -> Process<T::Output> {
        Process::new(T::run, (value,))
    }
}

impl<R: Value> Process<R> {
    /// The process's name, shown by `ps` (its first 15 bytes) and in errors. Default: its place in
    /// the family tree, `Process-1` for the first child, `Process-1:2` for that one's second.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Whether it ends when this process ends, instead of being waited for. Default: as this
    /// process itself.
    ///
    /// When this process ends in an orderly way, a daemon gets SIGTERM, and SIGKILL a second later;
    /// when it is killed, the daemon is killed at once. Daemons may have children of their own.
    pub fn daemon(mut self, daemon: bool) -> Self {
        self.daemon = Some(daemon);
        self
    }

    /// How it is made. Default: [`StartMethod::ForkServer`].
    #[doc(alias = "set_start_method")]
    #[doc(alias = "get_context")]
    pub fn start_method(mut self, method: StartMethod) -> Self {
        self.method = method;
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
    #[doc(alias = "initializer")]
    pub fn setup<S: Function<(), Output = ()>>(mut self, setup: S) -> Self {
        self.setup = Some(function::key(setup));
        self
    }

    /// Sets an environment variable in the child, beside those of this process.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.set(name.as_ref().to_owned(), value.as_ref().to_owned());
        self
    }

    /// Leaves an environment variable out in the child.
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.environment.remove(name.as_ref().to_owned());
        self
    }

    /// Leaves this process's whole environment out in the child.
    pub fn env_clear(mut self) -> Self {
        self.environment.clear();
        self
    }

    /// The child's working directory; a relative path starts from this process's. Default: this
    /// process's at the start.
    pub fn current_dir(mut self, directory: impl AsRef<Path>) -> Self {
        self.directory = Some(directory.as_ref().to_owned());
        self
    }

    /// What the child may use. Default: as this process.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The child's niceness, -20 (much processor time) to 19 (little). Default: this thread's.
    /// Less than this process's own needs a privilege.
    pub fn nice(mut self, nice: i32) -> Self {
        self.nice = Some(nice);
        self
    }

    /// The processors that the child may run on, by number. Default: those of this thread.
    pub fn affinity(mut self, cpus: impl IntoIterator<Item = u16>) -> Self {
        self.affinity = Some(cpus.into_iter().collect());
        self
    }

    /// The child's standard input.
    pub fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        self.stdio[0] = stdin.into();
        self
    }

    /// The child's standard output.
    pub fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.stdio[1] = stdout.into();
        self
    }

    /// The child's standard error. Piped and left alone, its last lines become part of the error
    /// of a child that fails.
    pub fn stderr(mut self, stderr: impl Into<Stdio>) -> Self {
        self.stdio[2] = stderr.into();
        self
    }

    /// Starts the process. When this returns, it exists and its function will be called.
    ///
    /// # Errors
    /// [`StartError`]: an argument cannot be encoded, the directory cannot be opened, the kernel
    /// has no room for a process or its descriptors, or this program cannot be started again.
    /// Nothing of the function has run then.
    pub fn start(self) -> Result<Child<R>, StartError> {
        let name = self.name.as_deref();
        let found = |key: io::Result<Key>| {
            let doing = "identifying its function";
            key.map_err(|source| StartError::new(name, Cause::System { doing, source }))
        };
        let function = found(self.function)?;
        let setup = self.setup.map(found).transpose()?;
        let arguments =
            self.arguments.map_err(|error| StartError::new(name, Cause::Encode(error)))?;
        launch::launch(Plan {
            function,
            setup,
            arguments,
            name: self.name,
            daemon: self.daemon,
            method: self.method,
            environment: self.environment,
            directory: self.directory,
            limits: self.limits,
            nice: self.nice,
            affinity: self.affinity,
            stdio: self.stdio,
        })
        .map(Child::new)
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
