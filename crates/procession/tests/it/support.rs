//! What the tests have in common: deadlines, events between processes, a process of one's own.
//!
//! What always holds: a test waits for an event, never for time to pass; a wait that takes too
//! long fails the test and says what it was for.

use procession::{Child, Fd, JoinError, StartMethod, Value};
use procession_sys::life::{self, Pid, Told};
use procession_sys::wait::{self, Interest};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// How long any wait of a test may take: thousands of times what it takes. An emulated processor
/// takes longer, so a build for one says so.
pub(crate) const DEADLINE: Duration = match option_env!("PROCESSION_EMULATED") {
    Some(_) => Duration::from_secs(180),
    None => Duration::from_secs(30),
};

/// Every way to make a process.
pub(crate) const METHODS: [StartMethod; 2] = [StartMethod::ForkServer, StartMethod::Spawn];

/// Of this program's arguments, those that a child finds: all, and none with musl, whose std learns
/// them only on the way to `main`.
pub(crate) fn known_to_a_child(own: Vec<String>) -> Vec<String> {
    if cfg!(target_env = "musl") { Vec::new() } else { own }
}

/// Set in the process of its own that [`alone`] makes, to the name of its test.
const ALONE: &str = "PROCESSION_TEST_ALONE";

/// How many rounds a campaign has; `PROCESSION_ROUNDS` sets it for a long run.
pub(crate) fn rounds(default: u64) -> u64 {
    std::env::var("PROCESSION_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Does `work` on another thread; fails the test where it takes too long.
pub(crate) fn within<T: Send + 'static>(
    what: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    within_or(DEADLINE, what, work, || ())
}

/// As [`within`], for work that itself takes a while on a busy machine.
pub(crate) fn within_minutes<T: Send + 'static>(
    what: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    within_or(4 * DEADLINE, what, work, || ())
}

/// As [`within`]; where it takes too long, `give_up` is called before the test fails.
fn within_or<T: Send + 'static>(
    deadline: Duration,
    what: &str,
    work: impl FnOnce() -> T + Send + 'static,
    give_up: impl FnOnce(),
) -> T {
    let (sender, receiver) = mpsc::channel();
    let worker = thread::spawn(move || sender.send(work()));
    match receiver.recv_timeout(deadline) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => {
            give_up();
            panic!("waited {deadline:?} for {what}")
        }
        Err(RecvTimeoutError::Disconnected) => {
            resume_unwind(worker.join().expect_err("a thread that sent nothing has panicked"))
        }
    }
}

/// Joins a child; one that does not end is killed, so that it does not hold up the program's end.
pub(crate) fn join<R: Value + Send>(child: Child<R>) -> Result<R, JoinError> {
    let (what, pidfd) = (format!("the end of {child:?}"), child.as_fd().try_clone_to_owned());
    let give_up = || send_kill(pidfd.expect("a duplicate").as_fd());
    within_or(DEADLINE, &what, move || child.join(), give_up)
}

/// Waits until `descriptor` is ready to read.
pub(crate) fn ready(descriptor: impl AsFd, what: &str) {
    assert!(is_ready(&descriptor, DEADLINE), "waited {DEADLINE:?} for {what}");
}

/// Whether `descriptor` is ready to read before `timeout` has passed.
pub(crate) fn is_ready(descriptor: impl AsFd, timeout: Duration) -> bool {
    let deadline = Some(Instant::now() + timeout);
    wait::ready(&[(descriptor.as_fd(), Interest::Readable)], deadline).expect("poll") == [true]
}

/// Waits until no process has this id any more, or one that has ended and waits to be reaped.
pub(crate) fn gone(id: u32, what: &str) {
    // A process that is gone has no pidfd.
    if let Ok(pidfd) = life::pidfd(pid(id)) {
        ready(pidfd, &format!("the end of {what} (pid {id})"));
    }
}

/// This end of a line to another process, on which each says that it has come somewhere.
pub(crate) struct Line(UnixStream);

/// A line: one end stays, the other crosses.
pub(crate) fn line() -> (Line, Fd<UnixStream>) {
    let (here, there) = UnixStream::pair().expect("a pair of sockets");
    here.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    (Line(here), Fd(there))
}

impl AsFd for Line {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Line {
    /// Waits until the other end says something.
    pub(crate) fn wait(&mut self, what: &str) {
        let mut byte = [0];
        // A read with a timeout ends early where its process is stopped and goes on.
        match self.0.read_exact(&mut byte) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                panic!("waited for {what}, and the line was closed")
            }
            Err(error) => panic!("waited {DEADLINE:?} for {what}: {error}"),
        }
    }

    /// Waits until nobody has the other end any more.
    pub(crate) fn wait_for_end(&mut self, what: &str) {
        self.count_until_end(what);
    }

    /// Waits until nobody has the other end any more; how often it has said something till then.
    pub(crate) fn count_until_end(&mut self, what: &str) -> usize {
        match self.0.read_to_end(&mut Vec::new()) {
            Ok(count) => count,
            Err(error) => panic!("waited {DEADLINE:?} for the end of {what}: {error}"),
        }
    }

    /// Says something.
    pub(crate) fn tell(&mut self) {
        self.0.write_all(b"!").expect("the other end");
    }
}

/// In a child: says that it is there.
pub(crate) fn tell(line: &mut Fd<UnixStream>) {
    line.write_all(b"!").expect("the other end");
}

/// In a child: waits until it is told something; an end is that, too.
pub(crate) fn wait_to_be_told(line: &mut Fd<UnixStream>) {
    let _ = line.read(&mut [0]).expect("the other end");
}

/// A child's function: says that it is there, and stays until the other end is closed.
pub(crate) fn stay(mut line: Fd<UnixStream>) {
    tell(&mut line);
    let _ = line.read_to_end(&mut Vec::new());
}

/// A child's function: says that it is there, and stays until it is told; gives its process id.
pub(crate) fn stay_until_told(mut line: Fd<UnixStream>) -> u32 {
    tell(&mut line);
    wait_to_be_told(&mut line);
    std::process::id()
}

/// Runs the body of the calling test in a process of its own: this program again, with one thread
/// and just this test. For tests that change what a whole process shares.
///
/// The body is a closure written in the test function, by whose path the test is found.
pub(crate) fn alone<F: FnOnce()>(body: F) {
    alone_as(&std::env::current_exe().expect("this program"), &[], body);
}

/// As [`alone`], with a copy of this program, or with more arguments than it needs.
pub(crate) fn alone_as<F: FnOnce()>(program: &Path, arguments: &[String], body: F) {
    let path = std::any::type_name::<F>();
    let name = path.split_once("::").map_or(path, |(_crate, name)| name);
    let name = name.trim_end_matches("::{{closure}}");
    if is_alone() {
        assert_eq!(std::env::var(ALONE).as_deref(), Ok(name));
        return body();
    }
    let host = Command::new(program)
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .args(arguments)
        .env(ALONE, name)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this program, started again");
    let (what, id) = (format!("`{name}` in its own process"), host.id());
    let wait = || host.wait_with_output().expect("its output");
    // A campaign is as long as it was asked to be.
    let deadline = if rounds(0) > 0 { Duration::MAX } else { 2 * DEADLINE };
    let output = within_or(deadline, &what, wait, || kill(id));
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let passed = output.status.success() && said.contains("1 passed");
    assert!(passed, "`{name}` in its own process: {}\n{said}\n{complained}", output.status);
    print!("{said}");
}

/// Whether this is the process that [`alone`] made.
pub(crate) fn is_alone() -> bool {
    std::env::var_os(ALONE).is_some()
}

/// A new directory, removed when it is dropped.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    pub(crate) fn new(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir(&path).expect("a new directory");
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // A test may have removed it itself.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A line of the calling thread's own status.
pub(crate) fn own_status(field: &str) -> String {
    status_at("/proc/thread-self/status", field)
}

/// A line of `/proc/PID/status`.
pub(crate) fn status(id: u32, field: &str) -> String {
    status_at(&format!("/proc/{id}/status"), field)
}

fn status_at(path: &str, field: &str) -> String {
    let status = std::fs::read_to_string(path).expect("a status");
    let value = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value.unwrap_or_else(|| panic!("no {field} in {status}")).trim().to_owned()
}

/// The children of this process, as the kernel lists them.
pub(crate) fn children() -> Vec<u32> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("the threads");
    let lists =
        tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
    let lists: Vec<String> = lists.collect();
    lists.iter().flat_map(|list| list.split_whitespace()).filter_map(|id| id.parse().ok()).collect()
}

/// The fork server that made this child.
pub(crate) fn server_of<R>(child: &Child<R>) -> u32 {
    status(child.id(), "PPid").parse().expect("a process id")
}

/// Kills a process that this test has made.
pub(crate) fn kill(id: u32) {
    let pidfd = life::pidfd(pid(id)).expect("it is alive");
    send_kill(pidfd.as_fd());
}

fn send_kill(pidfd: BorrowedFd<'_>) {
    life::send_signal(pidfd, procession_sys::signal::SIGKILL).expect("SIGKILL");
}

fn pid(id: u32) -> Pid {
    Pid::told(id).expect("a process id")
}

/// The ending of a child that got SIGKILL when its fork server was gone already: Linux keeps the
/// status of a process for whoever holds a pidfd of it from 6.15 on, where it may be asked.
pub(crate) fn assert_killed_without_server(error: &JoinError) {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("a release");
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    let mut number = || numbers.next().expect("a number").expect("a number");
    let own = life::pidfd(Pid::own()).expect("a pidfd");
    let answers = life::exit_status(own.as_fd()) != Told::Never;
    if answers && (number(), number()) >= (6, 15) {
        assert_eq!(error.signal(), Some(9), "{error}");
    } else {
        assert!(error.to_string().contains("lost with its fork server"), "{error}");
        assert!(error.is_lost());
    }
}

/// Fails unless this is root, which is needed for what `why` says.
pub(crate) fn needs_root(why: &str) {
    assert!(rustix::process::geteuid().is_root(), "this test is for root: {why}");
}
