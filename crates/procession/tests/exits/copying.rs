//! Copies of a program that its main thread makes while its other threads are at work.
//!
//! In: nothing. Out: a line for each ten copies, or one that says which copy did not end. What
//! always holds: a copy does the same work once, and has a deadline.

use super::answer;
use procession::connection::{Address, Listener, connect};
use procession::{Joinable, Process, Select, channel};
use procession_sys::life::{self, Pid};
use procession_sys::wait::{self, Interest};
use std::os::fd::AsFd;
use std::process::exit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const COPIES: usize = 300;
const THREADS: usize = 3;

/// How long a copy may take to do its work and to end: less than whoever watches the program waits.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn copy_under_starts() {
    let start = || Process::new(answer, ()).start().ok()?.join().ok();
    copy_while(&|| start() == Some(42));
}

pub(super) fn copy_under_accepts() {
    let address = Address::Abstract(format!("procession-copies-{}", std::process::id()));
    let listener = Listener::bind(address.clone(), b"key").expect("a listener");
    let accept = |patience| listener.accept_timeout::<u32, ()>(patience).expect("an accept");
    copy_while(&|| accept(Duration::ZERO).is_none());
    // A copy serves clients as well, now that nobody else does.
    let Some(copy) = hostile::copy().expect("a copy") else {
        let served = accept(PATIENCE).is_some_and(|mut client| client.send(&7).is_ok());
        drop(listener);
        exit(i32::from(!served));
    };
    let mut connection = connect::<(), u32>(&address, b"key").expect("a connection");
    println!("a copy serves: {:?}", connection.recv().ok());
    let copy = Pid::told(copy).expect("a process id");
    println!("that copy ends: {}", ends_well(copy));
}

pub(super) fn copy_under_jobs() {
    let (sender, receiver) = channel().expect("a channel");
    let mut jobs = Joinable::new(sender);
    jobs.send(1_u32).expect("room");
    let waits = |jobs: &Joinable<u32>| {
        let mut select = Select::new();
        select.jobs((), jobs);
        select.wait_timeout(Duration::ZERO).expect("a wait").is_none()
    };
    let original = Pid::own();
    // The job is the original's, and not awaited by a copy.
    copy_while(&|| waits(&jobs) == (Pid::own() == original));
    drop(receiver);
    println!("lost: {:?}", jobs.join().expect("the end of the job"));
}

/// Makes copies of this program while its threads do `work`, which returns whether it went well. Each
/// copy does it too.
fn copy_while(work: &(dyn Fn() -> bool + Sync)) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    assert!(work(), "a thread of the program");
                }
            });
        }
        for number in 1..=COPIES {
            let Some(copy) = hostile::copy().expect("a copy") else {
                exit(i32::from(!work()));
            };
            let copy = Pid::told(copy).expect("a process id");
            if !ends_well(copy) {
                println!("copy {number} does not end well");
                break;
            }
            if number % 10 == 0 {
                println!("{number} copies have ended");
            }
        }
        over.store(true, Ordering::Relaxed);
    });
}

/// Whether a copy ends, with success; one that does not is killed.
fn ends_well(copy: Pid) -> bool {
    let pidfd = life::pidfd(copy).expect("a pidfd of a child");
    let end = [(pidfd.as_fd(), Interest::Readable)];
    if wait::ready(&end, Some(Instant::now() + PATIENCE)).expect("poll") == [false] {
        life::end_child(copy);
        return false;
    }
    life::reap(pidfd.as_fd(), copy).expect("a status").status.success()
}
