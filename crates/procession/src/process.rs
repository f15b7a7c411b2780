//! A process that has not been started: a plan.
//!
//! In: a function with its arguments, or a value with a `run` method, and options. Out: a running
//! [`Child`]. What always holds: nothing happens before `start`, and a plan is started once.

mod options;

use crate::arguments::{Arguments, Encoded};
use crate::child::Child;
use crate::defaults::defaults;
use crate::frame::{Answer, StartMethod};
use crate::function::{self, Function};
use crate::launch;
use crate::settle::Options;
use crate::start_error::StartError;
use crate::value::Value;
use crate::value_error::EncodeError;
#[cfg(doc)]
use crate::{Defaults, ProcessHandle};
use procession_sys::image::Key;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::sync::Arc;

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
///
/// A clone of a plan starts another process of the same kind. Its arguments are encoded once, when
/// the plan is made, and sent to each process; so are the descriptors in them, such as the ends of
/// channels and [`Fd`](crate::Fd)s, which all of these processes then share. The plan holds its
/// descriptors until its last clone has been started or dropped.
///
/// ```
/// use procession::{Process, channel};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (sender, receiver) = channel::<u32>()?;
/// let plan = Process::new(|sender: procession::Sender<u32>| sender.send(7).is_ok(), (sender,));
/// let workers = [plan.clone().start()?, plan.clone().start()?, plan.start()?];
/// for worker in workers {
///     assert!(worker.join()?);
/// }
/// assert_eq!((receiver.recv()?, receiver.recv()?, receiver.recv()?), (7, 7, 7));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a plan does nothing until it is started"]
pub struct Process<R, W = Named> {
    options: Options,
    work: W,
    value: PhantomData<fn() -> R>,
}

impl<R, W: Clone> Clone for Process<R, W> {
    fn clone(&self) -> Self {
        Self { options: self.options.clone(), work: self.work.clone(), value: PhantomData }
    }
}

/// The work of a plan that [`Process::new`] or [`Process::of`] made: a function of the program, and
/// its arguments.
#[derive(Clone, Debug)]
pub struct Named {
    function: Result<Key, Arc<io::Error>>,
    arguments: Result<Encoded, EncodeError>,
    method: Option<StartMethod>,
}

/// The work of a plan that [`Process::fork`] made: a closure and what it captured.
#[derive(Clone)]
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
            function: function::key(function).map_err(Arc::new),
            arguments: Encoded::of(&arguments),
            method: None,
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

impl<R> Process<R> {
    /// How it is made. Default: as [`Defaults`] say, else [`StartMethod::ForkServer`].
    #[doc(alias = "set_start_method")]
    #[doc(alias = "get_context")]
    pub fn start_method(mut self, method: StartMethod) -> Self {
        self.work.method = Some(method);
        self
    }

    /// Whether all descendants of the process end with it: whatever it has started, programs, copies
    /// and processes in other sessions included, is killed once it has ended, for any reason.
    /// Default: no, they go on.
    ///
    /// [`Child::join`] returns when they are gone, [`Child::value`] before. A process that may not
    /// be signalled, as one that a set-user-id program has become, is named by
    /// [`ProcessHandle::survivors`] and [`JoinError::survivors`](crate::JoinError::survivors); so is
    /// one that has not ended five seconds after its kill.
    ///
    /// A process of the library stands between the fork server and such a child. It adopts orphaned
    /// descendants (`PR_SET_CHILD_SUBREAPER`), and puts the child into a cgroup of its own where the
    /// program may make one, which the kernel kills as a whole. Such a start takes longer than others:
    /// no child that was made ahead is used. The child ends if that process is killed.
    ///
    /// ```
    /// use procession::Process;
    /// use std::process::Command;
    ///
    /// /// Starts a program and does not wait for it.
    /// fn leave_a_sleeper() -> u32 {
    ///     Command::new("sleep").arg("1000").spawn().expect("a program").id()
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sleeper = Process::new(leave_a_sleeper, ()).kill_descendants(true).start()?.join()?;
    /// assert!(!std::path::Path::new(&format!("/proc/{sleeper}")).exists());
    /// # Ok(())
    /// # }
    /// ```
    pub fn kill_descendants(mut self, kill: bool) -> Self {
        self.options.kill_descendants = kill;
        self
    }

    /// Starts the process. When this returns, it exists and its function will be called.
    ///
    /// **The program waits for it.** A program whose `main` has returned, or that calls `exit`, goes
    /// on until each of its processes has ended that is neither a [`daemon`](Self::daemon) nor
    /// [detached](Child::detach). After a second it says on standard error for whom it waits.
    ///
    /// Its fork server may be killed at any time. A daemon ends with it. Any other process goes on,
    /// once it has read that it is no daemon, some microseconds after this returns. Killed before,
    /// the server takes the process along: its function has then not been called, and joining it
    /// is an error ([`Killed`](crate::Ending::Killed) by SIGKILL, or [`Lost`](crate::Ending::Lost)).
    /// It is not started a second time.
    ///
    /// # Errors
    /// [`StartError`]: an argument cannot be encoded, the directory cannot be opened, the kernel
    /// has no room for a process or its descriptors, or this program cannot be started again.
    /// Nothing of the function has run then.
    pub fn start(self) -> Result<Child<R>, StartError> {
        let (Named { function, arguments, method }, mut options) = (self.work, self.options);
        let defaults = defaults();
        options.setup = options.setup.or_else(|| defaults.and_then(|all| all.setup.clone()));
        let method = method.or(defaults.and_then(|all| all.method)).unwrap_or_default();
        launch::by_server(options, function, arguments, method).map(Child::new)
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
