//! Kernels and sandboxes that lack what is used where it is there: the same behaviours, each by its
//! other way.

use crate::support::{
    DEADLINE, METHODS, alone, children, join, line, server_of, status, stay, stay_until_told, tell,
    within,
};
use hostile::Lack;
use procession::{Ending, Fd, Process, StartMethod, Stdio, active_children, stop_all};
use procession_sys::life::{self, Pid};
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// What a sandbox says to calls that it does not know.
const EPERM: i32 = 1;

/// Walks through the life of processes on a kernel without `lacks`, with one thread and without
/// the pidfds that other tests use.
fn tour(lacks: &[Lack]) {
    hostile::forbid(lacks).expect("a filter");
    for method in METHODS {
        values_and_endings(method);
        handles(method);
        descriptors(method);
        families(method);
    }
    for method in METHODS {
        a_killed_server(method);
    }
    // Whose end is known only as that of a socket is left to be reaped at the program's end.
    if life::pidfd(Pid::own()).is_ok() {
        let mut unreaped = children();
        unreaped.retain(|&child| status(child, "State").starts_with('Z'));
        assert!(unreaped.is_empty(), "fork servers that were killed: {unreaped:?}");
    }
}

fn plan<R: procession::Value>(method: StartMethod, plan: Process<R>) -> Process<R> {
    plan.start_method(method).stderr(Stdio::Null)
}

fn values_and_endings(method: StartMethod) {
    let start = |n: u32| plan(method, Process::new(|n: u32| n + 1, (n,))).start().expect("a child");
    let children: Vec<_> = (0..20).map(start).collect();
    let values = children.into_iter().map(|child| child.join().expect("a value"));
    assert!(values.eq(1..=20), "{method}");

    let echo = plan(method, Process::new(|bytes: Vec<u8>| bytes, (vec![7; 1 << 20],)));
    assert_eq!(echo.start().expect("a child").value().expect("a value"), vec![7; 1 << 20]);

    let fail: Process<()> = plan(method, Process::new(|| panic!("as planned"), ()));
    let error = fail.start().expect("a child").join().expect_err("a panic");
    assert_eq!(error.panic().expect("a panic").message(), "as planned", "{method}");

    let leave: Process<()> = plan(method, Process::new(|| std::process::exit(7), ()));
    let error = leave.start().expect("a child").join().expect_err("an exit");
    assert_eq!(error.exit_code(), Some(7), "{method}");

    let fault: Process<()> = plan(method, Process::new(|| hostile::segfault(), ()));
    let error = fault.start().expect("a child").join().expect_err("a fault");
    assert_eq!(error.signal(), Some(11), "{method}");
}

fn handles(method: StartMethod) {
    let (mut events, line) = line();
    let mut child = plan(method, Process::new(stay, (line,))).start().expect("a child");
    events.wait("a child");
    assert!(child.is_alive() && child.try_join().expect("no ending").is_none(), "{method}");
    assert!(child.join_timeout(Duration::from_millis(1)).expect("no ending").is_none());
    assert!(active_children().iter().any(|one| one.id() == child.id()), "{method}");
    child.terminate().expect("SIGTERM");
    let id = child.id();
    assert_eq!(child.join().expect_err("a signal").signal(), Some(15), "{method}");
    assert!(!active_children().iter().any(|one| one.id() == id), "{method}");

    let (mut events, line) = self::line();
    let deaf = |mut line: Fd<UnixStream>| {
        hostile::ignore(15).expect("SIGTERM ignored");
        tell(&mut line);
        let _ = line.read(&mut [0]);
    };
    let deaf = plan(method, Process::new(deaf, (line,))).start().expect("a child");
    events.wait("a deaf child");
    let error = deaf.stop(Duration::from_millis(10)).expect_err("it was killed");
    assert_eq!(error.signal(), Some(9), "{method}");
}

fn descriptors(method: StartMethod) {
    let file = std::fs::File::open("/dev/zero").expect("a file");
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).expect("kept over an exec");
    let zeros = || {
        let listed = std::fs::read_dir("/proc/self/fd").expect("the descriptors");
        let open = listed.filter_map(|one| std::fs::read_link(one.ok()?.path()).ok());
        open.filter(|what| what.ends_with("zero")).count()
    };
    let look = plan(method, Process::new(zeros, ()));
    assert_eq!(look.start().expect("a child").join().expect("a count"), 0, "{method}: a leak");

    let speak = || println!("spoken");
    let speak = plan(method, Process::new(speak, ())).stdout(Stdio::Piped);
    let mut child = speak.start().expect("a child");
    let mut said = String::new();
    let mut output = child.stdout.take().expect("a pipe");
    output.read_to_string(&mut said).expect("its output");
    child.join().expect("it ends");
    assert_eq!(said, "spoken\n", "{method}");
}

fn families(method: StartMethod) {
    let branch = |method: StartMethod| {
        let leaf = Process::new(|| 5, ()).start_method(method).start().expect("a grandchild");
        leaf.join().expect("a value")
    };
    let branch = plan(method, Process::new(branch, (method,)));
    assert_eq!(branch.start().expect("a child").join().expect("a value"), 5, "{method}");
    let sum = procession::scope(|scope| {
        let one = scope.start(Process::new(|| 1, ()).start_method(method)).expect("a child");
        let two = scope.start(Process::new(|| 2, ()).start_method(method)).expect("a child");
        one.join().expect("a value") + two.join().expect("a value")
    });
    assert_eq!(sum, 3, "{method}");
}

/// The end of the server ends the daemons, is the end of nobody else, and of no later start.
fn a_killed_server(method: StartMethod) {
    let (mut events, line) = line();
    let daemon = plan(method, Process::new(stay, (line,)).daemon(true)).start().expect("a daemon");
    events.wait("a daemon");
    let (mut others, line) = self::line();
    let other = plan(method, Process::new(stay_until_told, (line,))).start().expect("a child");
    others.wait("another child");
    hostile::send(server_of(&daemon), 9).expect("SIGKILL");
    events.wait_for_end("the daemon");
    // With pidfds, it is the new parent that tells, in its own time.
    if life::pidfd(Pid::own()).is_err() {
        let error = daemon.join().expect_err("it was killed");
        assert!(error.is_lost(), "{method}: {error}");
    }
    others.tell();
    let id = other.id();
    assert_eq!(other.value().expect("its value"), id, "{method}");
    let next = plan(method, Process::new(|| 6, ())).start().expect("a new server");
    assert_eq!(next.join().expect("a value"), 6, "{method}");
}

#[test]
fn without_pidfd_open_ends_are_known_all_the_same() {
    alone(|| tour(&[hostile::lack_of("pidfd_open")]));
}

#[test]
fn where_pidfd_open_is_forbidden_ends_are_known_all_the_same() {
    alone(|| tour(&[hostile::lack_of("pidfd_open").says(EPERM)]));
}

#[test]
fn without_p_pidfd_nobody_is_left_unreaped() {
    alone(|| tour(&[hostile::lack_of("P_PIDFD")]));
}

#[test]
fn without_close_range_descriptors_are_closed_one_by_one() {
    alone(|| tour(&[hostile::lack_of("close_range")]));
}

#[test]
fn where_close_range_is_forbidden_descriptors_are_closed_one_by_one() {
    alone(|| tour(&[hostile::lack_of("close_range").says(EPERM)]));
}

#[test]
fn without_clone3_processes_start() {
    alone(|| tour(&[hostile::lack_of("clone3")]));
}

#[test]
fn where_a_sandbox_refuses_posix_spawn_the_server_is_forked() {
    alone(|| tour(&[hostile::lack_of("clone3").says(EPERM)]));
}

#[test]
fn with_a_c_library_that_keeps_no_descriptor_over_an_exec_by_itself_processes_start() {
    alone(|| tour(&[hostile::lack_of("F_SETFD")]));
}

#[test]
fn without_everything_newer_than_linux_4_processes_live_and_end_as_ever() {
    alone(|| tour(&hostile::LACKS));
}

#[test]
fn with_more_processors_than_a_mask_has_bits_processes_start() {
    alone(|| tour(&[hostile::lack_of("sched_getaffinity")]));
}

#[test]
fn where_signals_through_pidfds_are_refused_a_process_is_stopped_all_the_same() {
    alone(|| {
        let be_deaf = |line: Fd<UnixStream>| {
            hostile::ignore(15).expect("SIGTERM can be ignored");
            stay(line);
        };
        let start = |method, deaf: bool| {
            let (mut events, line) = line();
            let plan =
                if deaf { Process::new(be_deaf, (line,)) } else { Process::new(stay, (line,)) };
            let child = plan.start_method(method).start().expect("a child");
            events.wait("the child");
            (child, events)
        };
        let earlier = METHODS.map(|method| (start(method, false), start(method, true)));
        let lack = hostile::lack_of("pidfd_send_signal").says(EPERM);
        hostile::forbid_everywhere(&[lack]).expect("a filter");
        // Of a server outside of the sandbox, and of one inside.
        let later = METHODS.map(|method| (start(method, false), start(method, true)));
        for ((polite, _line), (deaf, _other_line)) in earlier.into_iter().chain(later) {
            let obeyed = polite.stop(DEADLINE).expect_err("it obeys");
            assert_eq!(obeyed.signal(), Some(15), "{obeyed}");
            let killed = deaf.stop(Duration::from_millis(10)).expect_err("it is killed");
            assert_eq!(killed.signal(), Some(9), "{killed}");
        }
    });
}

#[test]
fn where_only_a_stopped_server_could_kill_stopping_ends_with_an_error() {
    alone(|| {
        let lack = hostile::lack_of("pidfd_send_signal").says(EPERM);
        hostile::forbid_everywhere(&[lack]).expect("a filter");
        let start = || {
            let (mut events, line) = line();
            let child = Process::new(stay, (line,)).name("kept").start().expect("a child");
            events.wait("the child");
            (child, events)
        };
        let ((one, _one_line), (other, _other_line)) = (start(), start());
        let server = server_of(&one);
        assert_eq!(server, server_of(&other));
        hostile::send(server, 19).expect("SIGSTOP");
        let handles = [one.handle(), other.handle()];
        let stopping = move || stop_all(&handles, Duration::ZERO);
        let error = within("the end of stopping", stopping).expect_err("nobody kills them");
        assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
        let text = error.to_string();
        assert_eq!(text.matches("process `kept` (pid ").count(), 2, "{text}");
        assert!(text.contains("its fork server has not ended it"), "{text}");
        let error = within("the end of stopping", move || other.stop(Duration::ZERO));
        assert!(matches!(error.expect_err("not ended").ending(), Ending::NotStopped(_)));
        // It does as it was told once it goes on.
        hostile::send(server, 18).expect("SIGCONT");
        assert!(matches!(join(one).expect_err("killed").signal(), Some(9 | 15)));
    });
}
