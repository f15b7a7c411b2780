//! How a process ends that gives no value: each row of the table, end to end.

use crate::support::{
    Directory, METHODS, alone, assert_killed_without_server, join, kill, line, server_of, stay,
    tell, wait_to_be_told,
};
use procession::{Ending, Failure, Fd, JoinError, Limits, Process, StartMethod, Stdio, Value};
use rustix::process::{Resource, Rlimit};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::hint::black_box;
use std::os::unix::net::UnixStream;

/// The error of a process that is started by `method`.
pub(crate) fn ending<R: Value + Send>(method: StartMethod, plan: Process<R>) -> JoinError {
    let plan = plan.start_method(method).stderr(Stdio::Null);
    match join(plan.start().expect("a child")) {
        Ok(_) => panic!("{method}: it gave a value"),
        Err(error) => error,
    }
}

#[test]
fn a_panic_is_told_with_its_message_and_place() {
    for method in METHODS {
        let line = line!() + 1;
        let fail = |number: u32| assert!(number > 7, "the number was {number}");
        let error = ending(method, Process::new(fail, (3,)).name("checker"));
        assert!(error.is_panic());
        let panic = error.panic().expect("a panic");
        assert_eq!(panic.message(), "the number was 3");
        assert_eq!(panic.file(), Some(file!()));
        assert_eq!(panic.line(), Some(line));
        assert_eq!(panic.column(), Some(34));
        assert_eq!(panic.thread(), Some("main"));
        let expected = format!(
            "process `checker` (pid {}) panicked at {}:{line}:34: the number was 3",
            error.id(),
            file!()
        );
        assert_eq!(error.to_string(), expected);
    }
}

/// Whether this program was left the names of its functions.
#[inline(never)]
fn knows_its_functions() -> bool {
    std::backtrace::Backtrace::force_capture().to_string().contains("knows_its_functions")
}

#[test]
fn a_panic_has_a_backtrace_where_the_childs_environment_asks_for_one() {
    fn where_it_happened() {
        panic!("here")
    }
    for method in METHODS {
        let plan = || Process::new(where_it_happened, ()).env_remove("RUST_LIB_BACKTRACE");
        let with = ending(method, plan().env("RUST_BACKTRACE", "1"));
        let trace = with.panic().and_then(procession::Panic::backtrace).expect("a backtrace");
        let named = trace.contains("where_it_happened");
        assert_eq!(named, knows_its_functions(), "{method}: {trace}");
        let without = ending(method, plan().env_remove("RUST_BACKTRACE"));
        assert_eq!(without.panic().expect("a panic").backtrace(), None, "{method}");
    }
}

#[test]
fn a_panic_is_also_printed_with_the_name_of_its_process() {
    for method in METHODS {
        let fail = || panic!("for all to read");
        let plan: Process<()> = Process::new(fail, ()).start_method(method).stderr(Stdio::Piped);
        let error = join(plan.name("loud").start().expect("a child")).expect_err("it panicked");
        let printed = error.stderr();
        assert!(printed.contains("process `loud` panicked at"), "{method}: {printed}");
        assert!(printed.contains("for all to read"), "{method}: {printed}");
        assert_eq!(error.to_string().matches("for all to read").count(), 1, "said once: {error}");
    }
}

#[test]
fn a_panic_with_a_payload_that_is_no_text_is_a_panic() {
    for method in METHODS {
        let plan: Process<()> = Process::new(|| std::panic::panic_any(17_u8), ());
        let error = ending(method, plan);
        let panic = error.panic().expect("a panic");
        assert_eq!(panic.message(), "a value that is no text");
        assert_eq!(panic.file(), Some(file!()), "{method}");
    }
}

#[test]
fn a_panic_in_setup_is_told_and_the_function_is_not_called() {
    for method in METHODS {
        let plan = Process::new(|| std::process::exit(1), ()).setup(|| panic!("not today"));
        let plan: Process<()> = plan;
        let error = ending(method, plan);
        assert_eq!(error.panic().expect("a panic").message(), "not today", "{method}");
    }
}

#[test]
fn an_exit_before_the_value_is_an_error_whatever_its_code() {
    for method in METHODS {
        for code in [0, 3, 255] {
            let plan: Process<()> = Process::new(|code: i32| std::process::exit(code), (code,));
            let error = ending(method, plan);
            assert_eq!(error.ending(), &Ending::Exited(code), "{method}");
            assert_eq!(error.exit_code(), Some(code));
        }
    }
}

#[test]
fn a_signal_is_told_by_its_number() {
    use rustix::process::Signal;
    let raise = |number: i32| {
        let signal = Signal::from_named_raw(number).expect("a signal");
        rustix::process::kill_process(rustix::process::getpid(), signal).expect("a signal");
        loop {
            std::thread::park();
        }
    };
    let no_core = || {
        let none = Rlimit { current: Some(0), maximum: Some(0) };
        rustix::process::setrlimit(Resource::Core, none).expect("a limit");
    };
    for method in METHODS {
        for signal in [Signal::KILL, Signal::SEGV, Signal::BUS, Signal::USR1, Signal::ALARM] {
            let plan: Process<()> = Process::new(raise, (signal.as_raw(),)).setup(no_core);
            let error = ending(method, plan);
            let expected = Ending::Killed { signal: signal.as_raw(), core_dumped: false };
            assert_eq!(error.ending(), &expected, "{method}");
        }
        let error = ending::<()>(method, Process::new(|| std::process::abort(), ()));
        assert_eq!(error.signal(), Some(6), "{method}");
        let error = ending::<()>(method, Process::new(|| hostile::segfault(), ()));
        assert_eq!(error.signal(), Some(11), "{method}");
        assert!(error.to_string().contains("SIGSEGV"), "{error}");
    }
}

/// Uses the stack until there is none.
fn descend(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    if depth == u64::MAX { 0 } else { descend(depth + 1) + frame[63] }
}

#[test]
fn a_stack_overflow_of_the_main_thread_is_told_as_one() {
    for method in METHODS {
        let error = ending(method, Process::new(descend, (0,)));
        assert!(error.is_stack_overflow(), "{method}: {error}");
    }
}

#[test]
fn a_stack_overflow_of_another_thread_is_a_segmentation_fault() {
    let overflow = || std::thread::spawn(|| descend(0)).join().unwrap_or(0);
    for method in METHODS {
        let error = ending(method, Process::new(overflow, ()));
        assert_eq!(error.signal(), Some(11), "{method}: {error}");
    }
}

#[test]
fn an_allocation_that_fails_is_an_abort() {
    let exhaust = || {
        let limit = Rlimit { current: Some(256 << 20), maximum: Some(256 << 20) };
        rustix::process::setrlimit(Resource::As, limit).expect("a limit");
        black_box(vec![1_u8; 1 << 30]).len()
    };
    for method in METHODS {
        let plan = Process::new(exhaust, ()).start_method(method).stderr(Stdio::Piped);
        let error = join(plan.start().expect("a child")).expect_err("no memory");
        assert_eq!(error.signal(), Some(6), "{method}: {error}");
        assert!(error.stderr().contains("memory allocation"), "{}", error.stderr());
    }
}

/// Written without trouble, and never read.
#[derive(Debug, PartialEq, Serialize)]
struct Unreadable;

impl<'de> Deserialize<'de> for Unreadable {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("nobody may read it"))
    }
}

/// Read without trouble, and never written.
#[derive(Debug, PartialEq, Deserialize)]
struct Unwritable;

impl Serialize for Unwritable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("nobody may write it"))
    }
}

#[test]
fn arguments_that_cannot_be_read_refuse_the_call() {
    for method in METHODS {
        let called = |_: Unreadable| std::process::exit(1);
        let plan: Process<()> = Process::new(called, (Unreadable,));
        let error = ending(method, plan);
        assert!(error.is_refused(), "{method}: {error}");
        let text = error.to_string();
        assert!(text.contains("did not call its function: its arguments"), "{text}");
        assert!(text.contains("Unreadable"), "{text}");
    }
}

#[test]
fn a_value_that_cannot_be_written_or_read_is_undecodable() {
    for method in METHODS {
        let error = ending(method, Process::new(|| Unwritable, ()));
        assert!(error.is_undecodable(), "{method}: {error}");
        assert!(error.to_string().contains("Unwritable"), "{error}");
        let error = ending(method, Process::new(|| Unreadable, ()));
        assert!(error.is_undecodable(), "{method}: {error}");
        assert!(error.to_string().contains("Unreadable"), "{error}");
    }
}

#[test]
fn an_ending_without_a_fork_server_is_the_kernels_to_tell_or_lost() {
    alone(|| {
        for method in METHODS {
            let (mut events, line) = line();
            let plan = Process::new(stay, (line,)).start_method(method);
            let child = plan.start().expect("a child");
            events.wait("a process");
            kill(server_of(&child));
            child.kill().expect("SIGKILL");
            let error = join(child).expect_err("it was killed");
            assert_killed_without_server(&error);
        }
    });
}

/// Starts a process, kills its fork server, then it; whether its ending is lost, and the words.
fn lose_one(method: StartMethod) -> (bool, String) {
    let (mut events, line) = line();
    let child = Process::new(stay, (line,)).start_method(method).start().expect("a child");
    events.wait("a process");
    kill(server_of(&child));
    child.kill().expect("SIGKILL");
    let error = join(child).expect_err("it was killed");
    (error.is_lost(), error.to_string())
}

#[test]
fn an_ending_is_lost_where_nobody_reaps_after_the_fork_server_was_killed() {
    alone(|| {
        // The kernel tells how a process ended once it is reaped. Here, this program is the new
        // parent of all below it that lose theirs, and reaps nobody.
        let own = rustix::process::getpid();
        rustix::process::set_child_subreaper(Some(own)).expect("a new parent");
        let losing = METHODS.map(|method| {
            let plan = Process::new(lose_one, (method,)).start_method(method);
            plan.start().expect("a child")
        });
        for child in losing {
            let (is_lost, words) = join(child).expect("an ending");
            assert!(is_lost, "{words}");
            assert!(words.contains("lost with its fork server"), "{words}");
        }
    });
}

#[test]
fn a_functions_own_failure_is_a_value_and_keeps_its_causes() {
    fn read(path: &str) -> Result<String, Failure> {
        Ok(std::fs::read_to_string(path)?)
    }
    for method in METHODS {
        let child = Process::new(read, ("/no/such/file",)).start_method(method).start();
        let failure = join(child.expect("a child")).expect("a value").expect_err("no file");
        assert!(failure.to_string().contains("No such file"), "{method}: {failure}");
    }
}

#[test]
fn an_error_says_which_process_it_was_and_only_its_own_kind() {
    for method in METHODS {
        let error = ending::<()>(method, Process::new(|| std::process::exit(2), ()).name("short"));
        assert_eq!(error.name(), "short");
        assert_eq!((error.exit_code(), error.signal()), (Some(2), None));
        let others = [
            error.is_panic(),
            error.is_stack_overflow(),
            error.is_refused(),
            error.is_undecodable(),
            error.is_lost(),
            error.core_dumped(),
        ];
        assert_eq!(others, [false; 6], "{method}");
    }
}

#[test]
fn an_empty_packet_in_the_corridor_costs_no_ending() {
    let work = || {
        for number in 3..64 {
            // Only a socket takes it.
            let _ = hostile::send_bytes(number, b"");
        }
        7
    };
    for method in METHODS {
        let child = Process::new(work, ()).start_method(method).start().expect("a child");
        let error = join(child).expect_err("the empty packet is its answer");
        assert!(error.is_undecodable(), "{method}: {error}");
    }
}

#[test]
fn a_process_that_tells_of_its_own_end_is_waited_for_all_the_same() {
    let work = |mut line: Fd<UnixStream>| {
        // A parcel inside its packet, the kind of an exit, a status.
        let forged = [&[0, b'x'][..], &[0; 12]].concat();
        for number in 3..4096 {
            let _ = hostile::send_bytes(number, &forged);
        }
        tell(&mut line);
        wait_to_be_told(&mut line);
    };
    for method in METHODS {
        let (mut events, line) = line();
        let child = Process::new(work, (line,)).start_method(method).start();
        let mut child = child.expect("a child");
        events.wait("the forgery");
        assert!(child.is_alive(), "{method}");
        events.tell();
        let error = join(child).expect_err("a garbled answer");
        assert!(error.is_undecodable(), "{method}: {error}");
    }
}

#[test]
fn a_panic_message_of_a_hundred_megabytes_is_cut_and_its_length_said() {
    const LENGTH: usize = 100_000_000;
    const MOST: usize = (64 << 10) + 100;
    for method in METHODS {
        let directory = Directory::new(&format!("cut-{method}"));
        let path = directory.0.join("errors");
        let errors = std::fs::File::create(&path).expect("a file");
        let fail = |length: usize| std::panic::panic_any("\u{e4}".repeat(length / 2));
        // Room for the message, and not for copies of it.
        let plan: Process<()> = Process::new(fail, (LENGTH,));
        let plan = plan.start_method(method).limits(Limits::new().memory(256 << 20)).stderr(errors);
        // A backtrace reads all debug information into memory.
        let plan = plan.env("RUST_BACKTRACE", "0");
        let error = join(plan.start().expect("a child")).expect_err("it panicked");
        let panic = error.panic().unwrap_or_else(|| panic!("{method}: {}", error.ending()));
        let said = format!(" [cut here: {LENGTH} bytes in all]");
        assert!(panic.message().starts_with("\u{e4}\u{e4}"), "{method}");
        assert!(panic.message().ends_with(&said) && panic.message().len() < MOST, "{method}");
        assert!(error.to_string().len() < MOST + 200, "{method}");
        let printed = std::fs::read_to_string(&path).expect("what it printed");
        assert!(printed.contains(&said) && printed.len() < 3 * MOST, "{method}");
    }
}

#[test]
fn an_error_of_a_hundred_megabytes_in_a_value_is_cut_and_its_length_said() {
    struct Unwritable;
    impl Serialize for Unwritable {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("x".repeat(100_000_000)))
        }
    }
    impl<'de> Deserialize<'de> for Unwritable {
        fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            Ok(Self)
        }
    }
    for method in METHODS {
        let error = ending(method, Process::new(|| Unwritable, ()));
        assert!(error.is_undecodable(), "{method}");
        assert!(error.to_string().len() < 70_000, "{method}: {}", error.to_string().len());
    }
}
