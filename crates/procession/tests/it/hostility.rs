//! Functions that harm their own process, and kernels that refuse every resource once: starting and
//! joining goes on.

use crate::support::{
    METHODS, alone, children, gone, is_ready, join, kill, line, server_of, stay, tell, within,
    within_minutes,
};
use hostile::{REFUSALS, SHORTAGES};
use procession::{Fd, Limits, Process, StartMethod, Stdio, active_children};
use procession_sys::fork::{Fork, fork};
use procession_sys::thread::SingleThreaded;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicI32, AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Closes or replaces half of what is open, which half by `seed`, its corridor among them or not.
fn break_descriptors(seed: u32) -> u32 {
    for number in 0..16 {
        let dice = (seed.wrapping_add(number) ^ 0x9e37).wrapping_mul(0x85eb_ca6b) >> 13;
        let number = i32::try_from(number).expect("small");
        match dice % 4 {
            0 => drop(hostile::close(number)),
            // A socket in the corridor's place may be anybody's; a plain file is nobody's.
            1 => drop(hostile::replace(number, 0)),
            _ => {}
        }
    }
    seed
}

#[test]
fn a_process_that_breaks_its_descriptors_ends_with_its_value_or_an_error() {
    let values = within_minutes("processes with broken descriptors", || {
        let mut values = 0;
        for method in METHODS {
            for seed in 0..100 {
                let plan = Process::new(break_descriptors, (seed,)).start_method(method);
                let child = plan.stdin(Stdio::Null).stderr(Stdio::Null).start().expect("a child");
                values += usize::from(child.join().is_ok_and(|value| value == seed));
            }
        }
        values
    });
    assert!((1..200).contains(&values), "{values} of 200 kept their corridor");
    assert_eq!(join(Process::new(|| 7, ()).start().expect("a child")).expect("a value"), 7);
}

#[test]
fn a_process_that_writes_for_ever_to_nobody_can_be_joined_or_killed() {
    const LENGTH: usize = 256 << 20;
    let pour = || {
        let mut output = std::io::stdout();
        let piece = vec![b'x'; 1 << 20];
        (0..LENGTH >> 20).for_each(|_| output.write_all(&piece).expect("somebody reads"));
        LENGTH
    };
    for method in METHODS {
        let plan = || Process::new(pour, ()).start_method(method).stdout(Stdio::Piped);
        let child = plan().start().expect("a child");
        assert_eq!(join(child).expect("its output is drained"), LENGTH, "{method}");
        let mut stuck = plan().start().expect("a child");
        assert!(stuck.join_timeout(Duration::from_millis(20)).expect("no ending").is_none());
        stuck.kill().expect("SIGKILL");
        assert_eq!(join(stuck).expect_err("it was killed").signal(), Some(9), "{method}");
    }
}

/// Makes a copy of this process, which does `deed` and goes on; comes back when it has ended.
fn copy(deed: impl FnOnce()) -> bool {
    let proof = SingleThreaded::prove().expect("one thread");
    match fork(&proof).expect("a fork") {
        Fork::Child => {
            deed();
            false
        }
        Fork::Parent(copy) => {
            let end = procession_sys::life::pidfd(copy).expect("it is not reaped");
            assert!(is_ready(&end, crate::support::DEADLINE), "waited for the end of the copy");
            procession_sys::life::reap(end.as_fd(), copy).expect("its status");
            true
        }
    }
}

fn overflow() {
    fn down(n: u64) -> u64 {
        let page = std::hint::black_box([n; 512]);
        if n == u64::MAX { 0 } else { down(n + 1) + page[0] }
    }
    std::hint::black_box(down(0));
}

fn take_all_memory() {
    std::hint::black_box(vec![1_u8; 1 << 40]);
}

#[test]
fn a_copy_that_a_process_made_of_itself_does_not_answer_for_it() {
    for method in METHODS {
        let plans: [Process<bool>; 4] = [
            Process::new(|| copy(|| ()), ()),
            Process::new(|| copy(|| panic!("as planned")), ()),
            Process::new(|| copy(overflow), ()),
            Process::new(|| copy(take_all_memory), ()),
        ];
        for (deed, plan) in plans.into_iter().enumerate() {
            let plan = plan.start_method(method).limits(Limits::new().memory(1 << 30));
            let child = plan.stderr(Stdio::Null).start().expect("a child");
            let is_original = join(child).expect("the value of the original");
            assert!(is_original, "{method}: deed {deed}");
        }
    }
}

/// As who becomes a daemon does: a copy of this process, which has started others, closes all that
/// it inherited, opens files of its own and starts others too. Whether it still has its files then.
fn become_a_daemon() -> Option<bool> {
    let start = || Process::new(|| 1, ()).start().map(|child| child.join().ok());
    start().expect("a child");
    let proof = SingleThreaded::prove().expect("one thread");
    let Fork::Parent(copy) = fork(&proof).expect("a fork") else {
        (3..256).for_each(|number| drop(hostile::close(number)));
        let open = |_| std::fs::File::open("/dev/zero").expect("a file");
        let mut files: Vec<_> = (0..32).map(open).collect();
        let started = start().is_ok_and(|value| value == Some(1));
        let has_files = files.iter_mut().all(|file| file.read_exact(&mut [1]).is_ok());
        procession_sys::exit::now(i32::from(!(started && has_files)));
    };
    let end = procession_sys::life::pidfd(copy).expect("it is not reaped");
    assert!(is_ready(&end, crate::support::DEADLINE), "waited for the end of the copy");
    procession_sys::life::reap(end.as_fd(), copy).map(|reaped| reaped.status.success())
}

#[test]
fn a_copy_that_has_closed_all_it_inherited_keeps_its_own_files() {
    for method in METHODS {
        let child = Process::new(become_a_daemon, ()).start_method(method).start();
        assert_eq!(join(child.expect("a child")).expect("a value"), Some(true), "{method}");
    }
}

/// Writes to its corridor for as long as it lives, with several threads, and obeys no SIGTERM.
fn flood(mut line: Fd<UnixStream>) {
    hostile::ignore(15).expect("SIGTERM ignored");
    let numbers = std::fs::read_dir("/proc/self/fd").expect("the descriptors");
    let numbers = numbers.filter_map(|one| one.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let own = line.as_raw_fd();
    let others = numbers.filter(|&number| number > 2 && number != own);
    // Not all of them are sockets.
    let sockets: Vec<i32> = others.filter(|&one| hostile::send_bytes(one, b"\0").is_ok()).collect();
    let pour = |sockets: &[i32]| {
        while sockets.iter().all(|&socket| hostile::send_bytes(socket, b"\0").is_ok()) {}
    };
    for _ in 0..4 {
        let sockets = sockets.clone();
        std::thread::spawn(move || pour(&sockets));
    }
    tell(&mut line);
    pour(&sockets);
}

#[test]
fn a_process_that_never_stops_to_speak_holds_up_no_call_with_a_deadline() {
    for method in METHODS {
        let (mut events, line) = line();
        let plan = Process::new(flood, (line,)).start_method(method).daemon(true);
        let mut child = plan.start().expect("a child");
        events.wait("a flood");
        let (child, alive, joined) = within("calls with a deadline", move || {
            let alive = child.is_alive();
            let joined = child.join_timeout(Duration::from_millis(20));
            (child, alive, joined.is_ok_and(|value: Option<()>| value.is_none()))
        });
        assert!(alive && joined, "{method}");
        let stopped = within("its end", move || child.stop(Duration::ZERO));
        let error = stopped.expect_err("no value").to_string();
        assert!(error.contains("no frame"), "{method}: {error}");
    }
}

/// Leaves a process behind in a session of its own, with every descriptor of ours; that tells its id.
fn leave_a_stranger(mut line: Fd<UnixStream>) {
    let proof = SingleThreaded::prove().expect("one thread");
    if let Fork::Parent(_) = fork(&proof).expect("a fork") {
        return;
    }
    rustix::process::setsid().expect("a session");
    // The second fork: the stranger leads no session, and its parent is gone.
    if let Fork::Parent(_) = fork(&proof).expect("a fork") {
        procession_sys::exit::now(0);
    }
    let id = std::process::id().to_ne_bytes();
    line.write_all(&id).expect("the other end");
    let _ = line.read_to_end(&mut Vec::new());
    procession_sys::exit::now(0);
}

#[test]
fn what_a_process_leaves_behind_in_another_session_lives_on_and_is_nobodys_child() {
    for method in METHODS {
        let (mut here, there) = UnixStream::pair().expect("a pair");
        let plan = Process::new(leave_a_stranger, (Fd(there),)).start_method(method).daemon(true);
        let child = plan.stdout(Stdio::Piped).start().expect("a child");
        let mut id = [0; 4];
        here.read_exact(&mut id).expect("the stranger's id");
        join(child).expect("its end, though its output is held open");
        let stranger = u32::from_ne_bytes(id);
        assert!(!active_children().iter().any(|one| one.id() == stranger), "{method}");
        let end = procession_sys::life::pidfd(
            i32::try_from(stranger)
                .ok()
                .and_then(procession_sys::life::Pid::from_raw)
                .expect("an id"),
        );
        let end = end.expect("it lives");
        assert!(!is_ready(&end, Duration::ZERO), "{method}: it ended with its maker");
        drop(here);
        assert!(is_ready(&end, crate::support::DEADLINE), "{method}: it ends when it is told");
    }
}

/// The error to be said, zero for none; how many calls pass before; and what was refused.
static ERROR: AtomicI32 = AtomicI32::new(0);
static PASS: AtomicI64 = AtomicI64::new(0);
/// The names of the calls that were refused, in their order.
static REFUSED: Mutex<Vec<&str>> = Mutex::new(Vec::new());
/// Where calls ask; none below zero.
static LISTENER: AtomicI32 = AtomicI32::new(-1);

fn decide(_thread: u32, call: i64) -> Option<i32> {
    let error = ERROR.load(Ordering::SeqCst);
    let refusal = REFUSALS.iter().find(|one| one.call == call)?;
    if !refusal.errors.contains(&error) || PASS.fetch_sub(1, Ordering::SeqCst) != 0 {
        return None;
    }
    refused().push(refusal.name);
    Some(error)
}

fn refused() -> MutexGuard<'static, Vec<&'static str>> {
    REFUSED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has this thread, and all that it starts, ask a thread that was there before.
fn be_watched() {
    let answering = std::thread::spawn(|| {
        while LISTENER.load(Ordering::SeqCst) < 0 {
            std::thread::park();
        }
        hostile::answer(LISTENER.load(Ordering::SeqCst), decide)
    });
    let listener = hostile::watch().expect("a filter");
    LISTENER.store(listener, Ordering::SeqCst);
    answering.thread().unpark();
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("the descriptors").count()
}

fn increment(n: i64) -> i64 {
    n + 1
}

/// Starts with the `n`th call refused; whether there was one.
fn start_refused(method: StartMethod, error: i32, n: i64) -> bool {
    let before = refused().len();
    PASS.store(n, Ordering::SeqCst);
    ERROR.store(error, Ordering::SeqCst);
    let plan = Process::new(increment, (n,)).start_method(method).stderr(Stdio::Null);
    let ended = plan.start().map(procession::Child::join);
    ERROR.store(0, Ordering::SeqCst);
    match ended {
        Ok(Ok(value)) => assert_eq!(value, n + 1),
        // Not started, or started and not able to become what it was to be.
        Ok(Err(error)) => assert!(!error.to_string().is_empty()),
        Err(error) => assert!(error.to_string().starts_with("process `"), "{error}"),
    }
    refused().len() > before
}

/// Refuses one call after the other, until a start makes no more of them.
fn refuse_each(method: StartMethod, error: i32, fresh_server: bool) {
    let next = || Process::new(increment, (1,)).start().expect("the next start").join();
    // A spare child of a killed server may take a start with it.
    let tries = if fresh_server { 8 } else { 1 };
    let (mut n, mut passed) = (0, 0);
    while passed < 3 {
        if fresh_server {
            for server in children() {
                kill(server);
                gone(server, "the server");
            }
        }
        let refused = start_refused(method, error, n);
        let works = (0..tries).any(|_| next().is_ok_and(|value| value == 2));
        assert!(works, "after refusal {n} with {error}, {method}");
        // Who works ahead makes some calls before and some after: one pass may miss.
        passed = if refused { 0 } else { passed + 1 };
        n += 1;
    }
}

#[test]
fn a_resource_refused_at_any_call_of_a_start_is_an_error_and_the_next_start_works() {
    alone(|| {
        be_watched();
        let first = Process::new(increment, (1,)).start().expect("a child");
        assert_eq!(first.join().expect("a value"), 2);
        let before = open_descriptors();
        for error in SHORTAGES {
            for method in METHODS {
                refuse_each(method, error, false);
            }
            refuse_each(StartMethod::ForkServer, error, true);
        }
        assert_eq!(open_descriptors(), before, "a descriptor was left open");
        assert_eq!(children().len(), 1, "a child beside the server");
        assert_eq!(active_children(), []);
        let (mut events, line) = line();
        let child = Process::new(stay, (line,)).start().expect("a child");
        events.wait("a child");
        let server = server_of(&child);
        let open = std::fs::read_dir(format!("/proc/{server}/fd")).expect("its descriptors");
        let open = open.count();
        assert!(open < 40, "the server has {open} descriptors");
        drop(events);
        child.join().expect("it ends");
        // musl opens files and forks by calls of its own.
        let of_either: [&[&str]; 6] = [
            &["socketpair"],
            &["sendmsg"],
            &["openat", "open"],
            &["pidfd_open"],
            &["clone", "fork"],
            &["execve"],
        ];
        for names in of_either {
            let found = refused().iter().any(|name| names.contains(name));
            assert!(found, "{names:?} was never refused");
        }
    });
}

/// Three generations, the last with a child that procession did not start.
fn descend(depth: u32, mut line: Fd<UnixStream>) {
    if depth > 0 {
        let child = Process::new(descend, (depth - 1, line)).daemon(true).start().expect("a child");
        drop(child.join());
        return;
    }
    let mut stranger = std::process::Command::new("sleep").arg("infinity").spawn().expect("sleep");
    line.write_all(&stranger.id().to_ne_bytes()).expect("the other end");
    tell(&mut line);
    stranger.wait().expect("it sleeps for ever");
}

#[test]
fn a_killed_middle_takes_its_descendants_along_and_a_stranger_stays() {
    for method in METHODS {
        let (mut here, there) = UnixStream::pair().expect("a pair");
        here.set_read_timeout(Some(crate::support::DEADLINE)).expect("a timeout");
        let plan = Process::new(descend, (3, Fd(there))).start_method(method);
        let child = plan.start().expect("a child");
        let mut id = [0; 5];
        here.read_exact(&mut id).expect("the stranger's id");
        let stranger = u32::from_ne_bytes([id[0], id[1], id[2], id[3]]);
        child.kill().expect("SIGKILL");
        assert_eq!(join(child).expect_err("it was killed").signal(), Some(9), "{method}");
        // Only its own descendants had the other end; the stranger's descriptors close on exec.
        here.read_to_end(&mut Vec::new()).expect("the end of the last descendant");
        kill(stranger);
    }
}
