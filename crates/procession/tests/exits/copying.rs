//! Copies of a program that its main thread makes while other threads start processes.
//!
//! In: nothing. Out: a line for each fifty copies, or one that says which copy did not end. What
//! always holds: a copy starts one process, and has a deadline.

use super::answer;
use procession::Process;
use procession_sys::life::{self, Pid};
use procession_sys::wait::{self, Interest};
use std::os::fd::AsFd;
use std::process::exit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const COPIES: usize = 300;
const STARTING_THREADS: usize = 3;

/// How long a copy may take to start a process and to end.
const PATIENCE: Duration = Duration::from_secs(10);

static OVER: AtomicBool = AtomicBool::new(false);

pub(super) fn copy_under_starts() {
    let threads: Vec<_> =
        (0..STARTING_THREADS).map(|_| thread::spawn(start_all_the_time)).collect();
    for number in 1..=COPIES {
        let Some(copy) = hostile::copy().expect("a copy") else {
            exit(i32::from(starts() != Some(42)));
        };
        let copy = Pid::told(copy).expect("a process id");
        let pidfd = life::pidfd(copy).expect("a pidfd of a child");
        let end = [(pidfd.as_fd(), Interest::Readable)];
        if wait::ready(&end, Some(Instant::now() + PATIENCE)).expect("poll") == [false] {
            OVER.store(true, Ordering::Relaxed);
            println!("copy {number} does not end");
            return life::end_child(copy);
        }
        let status = life::reap(pidfd.as_fd(), copy).expect("a status").status;
        if !status.success() {
            println!("copy {number} ended with {status}");
        }
        if number % 50 == 0 {
            println!("{number} copies have ended");
        }
    }
    OVER.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().expect("it started processes");
    }
}

fn start_all_the_time() {
    while !OVER.load(Ordering::Relaxed) {
        assert_eq!(starts(), Some(42), "a thread of the program starts a process");
    }
}

fn starts() -> Option<u32> {
    Process::new(answer, ()).start().ok()?.join().ok()
}
