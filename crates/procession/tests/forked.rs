//! Closures as processes, by a fork of this one.
//!
//! A program of its own instead of a test harness, since only a process with one thread may fork:
//! it runs its cases one after the other on the main thread.

use procession::{Ending, Process, StartErrorKind, Stdio, active_children, current, parent};
use procession_sys::thread::SingleThreaded;
use std::cell::Cell;
use std::io::Read;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Duration;

const SIGCHLD: i32 = 17;
const DEADLINE: Duration = Duration::from_secs(30);

/// The cases, by their names.
const CASES: [(&str, fn()); 16] = [
    ("a_closure_takes_along_what_it_captured", captures),
    ("the_child_is_a_process_of_its_own_with_its_options", options),
    ("endings_are_told_as_for_any_child", endings),
    ("a_stopped_child_ends_by_its_signal", stops),
    ("a_process_with_threads_is_refused", refuses_threads),
    ("a_thread_that_has_been_joined_is_none", forgets_threads),
    ("a_fork_that_is_an_error_for_want_of_a_descriptor_did_not_run", wants_descriptors),
    ("piped_streams_belong_to_the_handle", pipes),
    ("children_start_children_of_both_kinds", nests),
    ("a_dropped_handle_leaves_no_zombie_behind_the_next_fork", leaves_no_zombie),
    ("a_child_is_listed_while_it_is_alive", lists),
    ("somebody_elses_wait_does_not_hang_a_join", survives_thieves),
    ("where_sigchld_is_ignored_every_value_arrives", ignores_children),
    ("where_a_handler_reaps_every_child_every_value_arrives", reaps_children),
    ("a_child_that_nobody_may_signal_is_told_as_not_stopped", is_not_stopped),
    ("the_end_of_the_program_ends_daemons_and_waits_for_others", ends),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |wanted: &str| arguments.iter().any(|argument| argument == wanted);
    if has("--host") {
        return host();
    }
    // The words by which harnesses ask for a list, and for one case by its name.
    if has("--list") {
        let listed = if has("--ignored") { &[] } else { &CASES[..] };
        return listed.iter().for_each(|(name, _)| println!("{name}: test"));
    }
    let named: Vec<_> = CASES.iter().filter(|(name, _)| has(name)).collect();
    let chosen = if named.is_empty() { CASES.iter().collect() } else { named };
    for (name, case) in &chosen {
        case();
        println!("test {name} ... ok");
    }
    println!("{} passed, 0 failed", chosen.len());
}

fn captures() {
    let table = vec![7_u64; 1 << 20];
    let not_send = Rc::new(Cell::new(1));
    let inner = Rc::clone(&not_send);
    let child = Process::fork(|| {
        inner.set(2);
        table.iter().sum::<u64>() + inner.get()
    });
    assert_eq!(child.start().expect("a child").join().expect("a value"), (7 << 20) + 2);
    assert_eq!(not_send.get(), 1, "the child changed its own copy");
}

fn options() {
    let who = || {
        let parent = parent().expect("a parent");
        let variable = std::env::var("PROCESSION_FORKED").ok();
        let directory = std::env::current_dir().expect("a directory");
        (current().name().to_owned(), current().is_daemon(), parent.id(), variable, directory)
    };
    let plan = Process::fork(who).name("forked").daemon(true).env("PROCESSION_FORKED", "yes");
    let child = plan.current_dir("/").start().expect("a child");
    assert_eq!(child.name(), "forked");
    let expected =
        ("forked".to_owned(), true, std::process::id(), Some("yes".to_owned()), "/".into());
    assert_eq!(child.join().expect("a value"), expected);
    assert_eq!((current().name(), std::env::var("PROCESSION_FORKED").ok()), ("main", None));
}

fn endings() {
    let panicked = Process::fork(|| panic!("as planned")).start().expect("a child");
    let panicked: Result<(), _> = panicked.join();
    assert_eq!(
        panicked.expect_err("it panicked").panic().expect("a panic").message(),
        "as planned"
    );
    let exited: Result<(), _> =
        Process::fork(|| std::process::exit(9)).start().expect("one").join();
    assert_eq!(exited.expect_err("it exited").exit_code(), Some(9));
    let aborted: Result<(), _> =
        Process::fork(|| std::process::abort()).start().expect("one").join();
    assert_eq!(aborted.expect_err("it aborted").signal(), Some(6));
    assert!(deep(1).is_stack_overflow());
}

fn deep(_: u64) -> procession::JoinError {
    fn down(n: u64) -> u64 {
        let page = std::hint::black_box([n; 512]);
        if n == u64::MAX { 0 } else { down(n + 1) + page[0] }
    }
    Process::fork(|| down(0)).start().expect("a child").join().expect_err("no end")
}

fn stops() {
    let stay: Process<(), _> = Process::fork(|| {
        loop {
            std::thread::park();
        }
    });
    let child = stay.start().expect("a child");
    assert_eq!(child.stop(DEADLINE).expect_err("it obeys").signal(), Some(15));
}

fn refuses_threads() {
    let (hold, other_end) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || other_end.recv());
    let refused = Process::fork(|| 1).start().expect_err("two threads");
    assert_eq!(refused.kind(), StartErrorKind::Threads);
    assert!(format!("{refused:?}").contains("2 threads"), "{refused:?}");
    drop(hold);
    let _ = thread.join().expect("the thread");
}

/// The kernel counts a thread that has been joined for a moment longer.
fn forgets_threads() {
    for _ in 0..20_000 {
        std::thread::spawn(|| ()).join().expect("the thread");
        SingleThreaded::prove().expect("one thread");
    }
}

fn wants_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    use std::io::Write;
    let enough = getrlimit(Resource::Nofile);
    let mut refused = 0;
    for limit in 3..64 {
        let (mut here, mut there) = std::os::unix::net::UnixStream::pair().expect("a pair");
        let limit = Rlimit { current: Some(limit), ..enough };
        setrlimit(Resource::Nofile, limit).expect("a lower limit");
        let child = Process::fork(|| there.write_all(b"ran").is_ok()).start();
        setrlimit(Resource::Nofile, enough).expect("as before");
        let started = match child {
            Ok(child) => child.join().expect("a value"),
            Err(_) => false,
        };
        drop(there);
        let mut said = String::new();
        here.read_to_string(&mut said).expect("the end of the line");
        assert_eq!(said, if started { "ran" } else { "" }, "with {limit:?}");
        refused += usize::from(!started);
    }
    assert!((1..60).contains(&refused), "{refused} of 61 were refused");
}

fn pipes() {
    let mut child = Process::fork(|| print!("out")).stdout(Stdio::Piped).start().expect("a child");
    let mut text = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut text).expect("text");
    child.join().expect("a value");
    assert_eq!(text, "out");
}

fn nests() {
    let child = Process::fork(|| {
        let by_fork = Process::fork(|| current().name().to_owned()).start().expect("a fork");
        let by_server = Process::new(|| current().name().to_owned(), ()).start().expect("a start");
        (by_fork.join().expect("a value"), by_server.join().expect("a value"))
    });
    let child = child.start().expect("a child");
    let own = child.name().to_owned();
    let (by_fork, by_server) = child.join().expect("a value");
    assert!(by_fork.starts_with(&format!("{own}:")), "{by_fork} of {own}");
    assert!(by_server.starts_with(&format!("{own}:")), "{by_server} of {own}");
    assert_ne!(by_fork, by_server);
}

fn leaves_no_zombie() {
    let child = Process::fork(|| ()).start().expect("a child");
    let (id, end) = (child.id(), child.as_fd().try_clone_to_owned().expect("its pidfd"));
    drop(child);
    procession::wait_any(&[end.as_fd()], Some(DEADLINE)).expect("its end");
    Process::fork(|| ()).start().expect("a child").join().expect("a value");
    assert!(!std::path::Path::new(&format!("/proc/{id}")).exists(), "{id} is a zombie");
}

fn lists() {
    let stay: Process<(), _> = Process::fork(|| {
        loop {
            std::thread::park();
        }
    });
    let child = stay.name("listed").start().expect("a child");
    let listed = || active_children().iter().filter(|alive| alive.name() == "listed").count();
    assert_eq!(listed(), 1);
    child.kill().expect("SIGKILL");
    child.join().expect_err("it was killed");
    assert_eq!(listed(), 0);
}

fn survives_thieves() {
    let child: Process<(), _> = Process::fork(|| std::process::exit(4));
    let child = child.start().expect("a child");
    rustix::process::wait(rustix::process::WaitOptions::empty()).expect("somebody's child");
    let error = child.join().expect_err("it exited");
    // Linux keeps the status for whoever has a pidfd from 6.15 on.
    assert!(error.exit_code() == Some(4) || error.is_lost(), "{error}");
}

fn ignores_children() {
    hostile::ignore(SIGCHLD).expect("SIGCHLD can be ignored");
    every_value_arrives();
}

fn reaps_children() {
    hostile::reap_every_child().expect("SIGCHLD can be handled");
    every_value_arrives();
}

fn every_value_arrives() {
    for number in 0..2_000_u32 {
        let child = Process::fork(move || number).start().expect("a start");
        assert_eq!(child.join().expect("a value"), number);
        if number % 20 == 0 {
            let child: Process<(), _> = Process::fork(|| std::process::exit(4));
            let error = child.start().expect("a start").join().expect_err("it exited");
            assert!(error.exit_code() == Some(4) || error.is_lost(), "{error}");
        }
    }
    hostile::leave_alone(SIGCHLD).expect("as before");
}

fn is_not_stopped() {
    let child = Process::fork(|| {
        let (held, mut line) = std::os::unix::net::UnixStream::pair().expect("a pair");
        let stay = move || line.read_to_end(&mut Vec::new()).expect("the end of the line");
        let inner = Process::fork(stay).start().expect("a fork");
        let lack = hostile::lack_of("pidfd_send_signal");
        hostile::forbid(&[lack]).expect("a filter");
        let ending = inner.stop(Duration::ZERO).expect_err("nobody may signal it");
        let not_stopped = matches!(ending.ending(), Ending::NotStopped(_));
        // It ends by itself, and is waited for.
        held.shutdown(std::net::Shutdown::Both).expect("the end of the line");
        not_stopped
    });
    assert!(child.start().expect("a child").join().expect("a value"));
}

/// The program whose end is watched: a daemon that would stay, another that finishes its work.
fn host() {
    let daemon: Process<(), _> = Process::fork(|| {
        loop {
            std::thread::park();
        }
    });
    let daemon = daemon.name("daemon").daemon(true).start().expect("a daemon");
    println!("daemon {}", daemon.id());
    let work = || {
        std::io::stdin().read_to_string(&mut String::new()).expect("the end of the input");
        println!("worked");
    };
    Process::fork(work).start().expect("a worker");
    println!("main ends");
}

fn ends() {
    use std::process::{Command, Stdio};
    let own = std::env::current_exe().expect("this program");
    let mut command = Command::new(own);
    command.arg("--host").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut host = command.spawn().expect("the host");
    let stdin = host.stdin.take().expect("a pipe");
    let mut stdout = host.stdout.take().expect("a pipe");
    let mut text = String::new();
    while !text.ends_with("main ends\n") {
        let mut byte = [0];
        assert_eq!(stdout.read(&mut byte).expect("output"), 1, "{text}");
        text.push(char::from(byte[0]));
    }
    let daemon: u32 = text.split_whitespace().nth(1).expect("an id").parse().expect("an id");
    assert!(host.try_wait().expect("a status").is_none(), "main did not wait for its worker");
    drop(stdin);
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("output");
    assert_eq!(rest, "worked\n");
    assert!(host.wait().expect("a status").success());
    assert!(!std::path::Path::new(&format!("/proc/{daemon}")).exists(), "the daemon is left");
}
