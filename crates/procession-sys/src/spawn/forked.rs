//! An exec behind a fork, where nothing better is to be had.
//!
//! In: an image, its arguments, its environment, its descriptors. Out: the new process's id. What always
//! holds: as of `posix_spawn`, an exec that fails is an error here and leaves no process; between
//! fork and exec nothing runs but system calls, whatever threads this process has.

use crate::descriptor;
use crate::life::{self, Pid};
use crate::signal;
use std::ffi::{CStr, c_char};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, RawFd};

/// Starts `image`; both arrays are ended by a null.
pub(super) fn spawn(
    image: &CStr,
    kept: &[RawFd],
    arguments: &[*mut c_char],
    environment: &[*mut c_char],
) -> io::Result<Pid> {
    let (reader, writer) = descriptor::pipe()?;
    let blocked = signal::block_all();
    // SAFETY: the child calls only what is safe in a signal handler, and ends in `become_it`.
    let forked = unsafe { libc::fork() };
    if forked == 0 {
        become_it(image, kept, arguments, environment, writer.as_raw_fd());
    }
    let error = io::Error::last_os_error();
    signal::restore(&blocked);
    drop(writer);
    let Some(pid) = Pid::from_raw(forked) else { return Err(error) };
    let mut said = [0; size_of::<i32>()];
    if File::from(reader).read_exact(&mut said).is_err() {
        // An exec that succeeds closes the pipe.
        return Ok(pid);
    }
    life::reap_child(pid);
    Err(io::Error::from_raw_os_error(i32::from_ne_bytes(said)))
}

/// In the child.
fn become_it(
    image: &CStr,
    kept: &[RawFd],
    arguments: &[*mut c_char],
    environment: &[*mut c_char],
    report: RawFd,
) -> ! {
    signal::all_default();
    signal::block_none();
    for &number in kept {
        // SAFETY: a flag of a descriptor of this process, which runs nothing else any more.
        unsafe { libc::fcntl(number, libc::F_SETFD, 0) };
    }
    // SAFETY: both arrays are ended by a null and live in this process's memory; it returns only
    // where it fails.
    unsafe { libc::execve(image.as_ptr(), arguments.as_ptr().cast(), environment.as_ptr().cast()) };
    // SAFETY: the C library's error number of this thread.
    let error = unsafe { *libc::__errno_location() }.to_ne_bytes();
    // SAFETY: the bytes outlive the call; where nobody reads, there is nobody to tell.
    unsafe { libc::write(report, error.as_ptr().cast(), error.len()) };
    crate::exit::now(127)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alone::is_alone;
    use std::os::unix::thread::JoinHandleExt;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::{Duration, Instant};

    extern "C" fn nothing(_signal: i32) {}

    #[test]
    fn an_exec_that_fails_leaves_no_process_also_where_signals_interrupt() {
        const ROUNDS: usize = 200;
        static OVER: AtomicBool = AtomicBool::new(false);
        let test = "an_exec_that_fails_leaves_no_process_also_where_signals_interrupt";
        if !is_alone(module_path!(), test) {
            return;
        }
        // SAFETY: all zeros is a valid `sigaction`, without a restart; the handler does nothing.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = nothing as *const () as libc::sighandler_t;
            libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut());
        }
        let starter = std::thread::spawn(|| {
            let (arguments, environment) = ([std::ptr::null_mut()], [std::ptr::null_mut()]);
            for _ in 0..ROUNDS {
                let error = spawn(c"/nowhere", &[], &arguments, &environment).expect_err("nothing");
                assert_eq!(error.kind(), io::ErrorKind::NotFound);
            }
            OVER.store(true, Ordering::Release);
            while OVER.load(Ordering::Acquire) {
                std::thread::park();
            }
        });
        while !OVER.load(Ordering::Acquire) && !starter.is_finished() {
            // SAFETY: the thread is not joined yet, so its handle is still good.
            unsafe { libc::pthread_kill(starter.as_pthread_t(), libc::SIGUSR1) };
            std::thread::yield_now();
        }
        OVER.store(false, Ordering::Release);
        starter.thread().unpark();
        starter.join().expect("errors only");
        std::fs::read("/proc/thread-self/children").expect("the kernel's lists of children");
        let children = || -> String {
            let threads = std::fs::read_dir("/proc/self/task").expect("the threads");
            let lists = threads.filter_map(|thread| Some(thread.ok()?.path().join("children")));
            lists.filter_map(|list| std::fs::read_to_string(list).ok()).collect()
        };
        let deadline = Instant::now() + Duration::from_secs(30);
        while !children().is_empty() {
            assert!(Instant::now() < deadline, "waited for the last of {}", children());
            std::thread::yield_now();
        }
    }
}
