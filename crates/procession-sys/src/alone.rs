//! A process of its own for a test that forks: the copy has the descriptors of all tests beside it,
//! which wait for their ends.

use crate::life::Pid;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::mpsc;

/// Whether this process runs `test` of `module` (`module_path!()`) alone. If not, starts one that
/// does, and fails with it.
pub(crate) fn is_alone(module: &str, test: &str) -> bool {
    const ALONE: &str = "PROCESSION_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let program = std::env::current_exe().expect("/proc is mounted");
    let (_, module) = module.split_once("::").expect("a module of this crate");
    let mut command = std::process::Command::new(program);
    command.args([&format!("{module}::{test}"), "--exact"]).env(ALONE, "");
    let output = command.output().expect("this program, started again");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    false
}

/// Runs `body` in a copy of this process, whose threads it lacks; fails where it is killed, as
/// by its alarm, or gives `false`.
pub(crate) fn in_a_copy(body: impl FnOnce() -> bool) {
    // SAFETY: the body allocates and takes locks of this module; the C library makes its
    // allocator usable in a copy.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // SAFETY: the alarm ends this process and changes nothing else.
        unsafe { libc::alarm(30) };
        crate::exit::now(i32::from(!body()));
    }
    let pid = Pid::from_raw(pid).expect("a copy");
    let mut status = 0;
    // SAFETY: the kernel writes the status of a child of this process.
    let reaped = unsafe { libc::waitpid(pid.as_raw(), &raw mut status, 0) };
    assert_eq!(reaped, pid.as_raw());
    let status = ExitStatus::from_raw(status);
    assert!(status.success(), "{status}");
}

/// Starts a thread that is in the middle of `work` until what is returned is dropped.
pub(crate) fn amid(work: impl FnOnce(&dyn Fn()) + Send + 'static) -> mpsc::Sender<()> {
    let (go_on, told) = mpsc::channel::<()>();
    let (arrived, there) = mpsc::channel();
    std::thread::spawn(move || {
        work(&move || {
            arrived.send(()).expect("the test waits");
            let _ = told.recv();
        });
    });
    there.recv().expect("the thread is in the middle");
    go_on
}
