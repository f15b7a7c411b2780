//! The fork server, seen from the program that it serves: what it leaves alone, and what it
//! has no room for.

use crate::support::{
    Line, METHODS, alone, assert_killed_without_server, children, gone, join, kill, line,
    needs_root, own_status, server_of, status, stay, stay_until_told, tell, wait_to_be_told,
    within,
};
use procession::{Fd, Process, active_children};
use procession_sys::fork::{Fork, fork};
use procession_sys::thread::SingleThreaded;
use rustix::process::{Resource, Rlimit, WaitOptions};
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn the_server_is_the_only_child_that_the_program_ever_has() {
    alone(|| {
        assert!(children().is_empty());
        let mut server = None;
        for method in METHODS {
            let (mut events, line) = line();
            let child = Process::new(stay, (line,)).start_method(method).start().expect("a child");
            events.wait("a child");
            let found = server_of(&child);
            assert_eq!(children(), [found], "{method}");
            assert_eq!(*server.get_or_insert(found), found, "{method}: another server");
            child.kill().expect("SIGKILL");
            join(child).expect_err("it was killed");
            assert_eq!(children(), [found], "{method}");
        }
    });
}

#[test]
fn a_program_that_ignores_sigchld_still_gets_every_ending() {
    alone(|| {
        hostile::ignore(17).expect("SIGCHLD ignored");
        for method in METHODS {
            let plan: Process<()> = Process::new(|| std::process::exit(7), ()).start_method(method);
            let error = join(plan.start().expect("a child")).expect_err("it exited");
            assert_eq!(error.exit_code(), Some(7), "{method}");
            let child = Process::new(|| 7, ()).start_method(method).start().expect("a child");
            assert_eq!(join(child).expect("a value"), 7, "{method}");
        }
    });
}

#[test]
fn a_program_that_reaps_whatever_it_can_breaks_nothing() {
    alone(|| {
        let reaped = std::sync::Arc::new(AtomicUsize::new(0));
        let counter = std::sync::Arc::clone(&reaped);
        std::thread::spawn(move || {
            loop {
                match rustix::process::wait(WaitOptions::empty()) {
                    Ok(_) => {
                        counter.fetch_add(1, Ordering::SeqCst);
                    }
                    // No child to wait for yet.
                    Err(_) => std::thread::yield_now(),
                }
            }
        });
        for method in METHODS {
            for code in 1..10 {
                let exit = |code: i32| std::process::exit(code);
                let plan: Process<()> = Process::new(exit, (code,)).start_method(method);
                let error = join(plan.start().expect("a child")).expect_err("it exited");
                assert_eq!(error.exit_code(), Some(code), "{method}");
            }
            assert_eq!(reaped.load(Ordering::SeqCst), 0, "{method}: a child was stolen");
        }
        let (mut events, line) = line();
        let child = Process::new(stay, (line,)).start().expect("a child");
        events.wait("a child");
        kill(server_of(&child));
        within("the server to be reaped by the program", move || {
            while reaped.load(Ordering::SeqCst) == 0 {
                std::thread::yield_now();
            }
        });
        child.kill().expect("SIGKILL");
        assert_killed_without_server(&join(child).expect_err("it was killed"));
        let next = Process::new(|| 3, ()).start().expect("a child");
        assert_eq!(join(next).expect("a value"), 3);
    });
}

#[test]
fn the_program_gets_no_signal_handler_and_no_panic_hook() {
    type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;
    alone(|| {
        let signals = || ["SigBlk", "SigIgn", "SigCgt"].map(own_status);
        let words = String::from("the program's own hook");
        let hook: Hook = Box::new(move |info| println!("{words}: {info}"));
        let place = std::ptr::from_ref(&*hook).cast::<()>();
        std::panic::set_hook(hook);
        // With its second thread a process catches a signal of the C library's.
        std::thread::spawn(|| ()).join().expect("a thread");
        let before = signals();
        for method in METHODS {
            let child = Process::new(|| 1, ()).start_method(method).start().expect("a child");
            assert_eq!(join(child).expect("a value"), 1);
            let plan: Process<()> = Process::new(|| panic!("there"), ()).start_method(method);
            let plan = plan.stderr(procession::Stdio::Null);
            join(plan.start().expect("a child")).expect_err("it panicked");
        }
        assert_eq!(signals(), before, "blocked, ignored and caught signals");
        let hook = std::panic::take_hook();
        assert_eq!(std::ptr::from_ref(&*hook).cast(), place, "the program's own hook is in place");
    });
}

/// How often the threads of a process have been taken off a processor, hence woken.
fn switches(id: u32) -> u64 {
    ["voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"]
        .map(|field| status(id, field).parse::<u64>().expect("a number"))
        .iter()
        .sum()
}

#[test]
fn a_server_with_nothing_to_do_does_nothing() {
    let echo = |mut line: Fd<UnixStream>| {
        let mut byte = [0];
        while line.read(&mut byte).expect("the line") == 1 {
            tell(&mut line);
        }
    };
    alone(|| {
        let (mut events, line) = line();
        let child = Process::new(echo, (line,)).start().expect("a child");
        let server = server_of(&child);
        // Its last work is to make spare children, of which the kernel's list tells.
        let list = format!("/proc/{server}/task/{server}/children");
        within("spare children", move || {
            while std::fs::read_to_string(&list).expect("a list").split_whitespace().count() < 5 {
                std::thread::yield_now();
            }
        });
        let mut before = switches(server);
        let talk = |events: &mut Line| {
            for _ in 0..2_000 {
                events.tell();
                events.wait("an echo");
            }
        };
        // The last spare may still have been on its way when it was counted.
        talk(&mut events);
        before = before.max(switches(server));
        talk(&mut events);
        assert_eq!(switches(server), before, "the server woke while nobody asked for anything");
        drop(events);
        join(child).expect("it ends");
    });
}

#[test]
fn the_caller_keeps_its_signal_mask() {
    alone(|| {
        hostile::block(10).expect("SIGUSR1 blocked");
        let mask = || own_status("SigBlk");
        let before = mask();
        for method in METHODS {
            let child = Process::new(|| 1, ()).start_method(method).start().expect("a child");
            assert_eq!(join(child).expect("a value"), 1);
            assert_eq!(mask(), before, "{method}");
        }
    });
}

fn park_for_ever() {
    loop {
        std::thread::park();
    }
}

#[test]
fn a_server_without_room_for_descriptors_refuses_the_start_and_keeps_its_daemons() {
    const DAEMONS: usize = 42;
    const EMFILE: i32 = 24;
    alone(|| {
        // Both limits, so that the server cannot raise its own.
        let few = Rlimit { current: Some(64), maximum: Some(64) };
        rustix::process::setrlimit(Resource::Nofile, few).expect("a lower limit");
        // Each costs the server a descriptor, and this process none.
        let daemon = || Process::new(park_for_ever, ()).daemon(true).start();
        for _ in 0..DAEMONS {
            daemon().expect("a daemon").detach();
        }
        // What goes to the child takes no room in the server.
        let file = || Fd(std::fs::File::open("/dev/null").expect("a file"));
        let files: Vec<Fd<std::fs::File>> = (0..17).map(|_| file()).collect();
        let count = |files: Vec<Fd<std::fs::File>>| files.len();
        let child = Process::new(count, (files,)).start().expect("a child");
        assert_eq!(join(child).expect("a value"), 17);

        let mut started = DAEMONS;
        let error = loop {
            match daemon() {
                Ok(child) => child.detach(),
                Err(error) => break error,
            }
            started += 1;
            assert!(started < 64, "more daemons than the server has descriptors");
        };
        let refused = std::io::Error::from_raw_os_error(EMFILE).to_string();
        let told = ["no descriptors", "too many open files", &refused];
        let text = format!("{error:?}");
        assert!(told.iter().any(|words| text.contains(words)), "{text}");
        // Room for the spare children, should they be made first, and for one more.
        for daemon in active_children().iter().take(5) {
            kill(daemon.id());
        }
        within("room in the server", move || {
            while active_children().len() > started - 5 {
                std::thread::yield_now();
            }
        });
        daemon().expect("a daemon again").detach();
    });
}

#[test]
fn a_stopped_server_holds_up_no_call_with_a_deadline() {
    alone(|| {
        let (mut events, line) = line();
        let mut child = Process::new(stay, (line,)).start().expect("a child");
        events.wait("a child");
        let server = server_of(&child);
        hostile::send(server, 19).expect("SIGSTOP");
        child.kill().expect("SIGKILL");
        gone(child.id(), "the child");
        let (child, alive, joined) = within("calls that need not wait", move || {
            let alive = child.is_alive();
            let joined = child.try_join().is_ok_and(|value| value.is_none());
            (child, alive, joined)
        });
        assert!(!alive && joined);
        hostile::send(server, 18).expect("SIGCONT");
        assert_eq!(
            within("its end", move || child.join()).expect_err("no value").signal(),
            Some(9)
        );
    });
}

#[test]
fn what_is_sent_to_all_of_a_programs_processes_leaves_the_server_alone() {
    alone(|| {
        let (mut events, line) = line();
        let child = Process::new(stay_until_told, (line,)).start().expect("a child");
        events.wait("a child");
        let server = server_of(&child);
        // As `kill -- -GROUP`, `timeout` and service managers send to each process.
        for signal in [1, 2, 3, 10, 12, 15] {
            hostile::send(server, signal).expect("a signal");
        }
        events.tell();
        let id = child.id();
        assert_eq!(join(child).expect("a value"), id);
        let there = Process::new(std::os::unix::process::parent_id, ()).start().expect("a child");
        assert_eq!(join(there).expect("a value"), server, "another server");
    });
}

/// As who administers a machine: waits to be told, gives the process what it may not take, says so.
fn give_more(process: rustix::process::Pid, line: &mut Fd<UnixStream>) {
    wait_to_be_told(line);
    rustix::process::setpriority_process(Some(process), 0).expect("root may");
    tell(line);
}

/// The niceness of processes started by each method, before this one is given a lower one and
/// afterwards.
fn be_given_more(mut here: Fd<UnixStream>, mut line: Fd<UnixStream>) -> Vec<i32> {
    let own = rustix::process::getpid();
    let proof = SingleThreaded::prove().expect("one thread");
    if let Fork::Child = fork(&proof).expect("a fork") {
        give_more(own, &mut line);
        procession_sys::exit::now(0);
    }
    rustix::process::setpriority_process(None, 10).expect("nicer");
    let nobody = rustix::process::Uid::from_raw(65_534);
    rustix::thread::set_thread_res_uid(nobody, nobody, nobody).expect("another user");
    let has = || rustix::process::getpriority_process(None).expect("a niceness");
    let mut all = Vec::new();
    for is_more_to_come in [true, false] {
        for method in METHODS {
            let child = Process::new(has, ()).start_method(method).start().expect("a child");
            all.push(child.join().expect("a value"));
        }
        if is_more_to_come {
            tell(&mut here);
            wait_to_be_told(&mut here);
        }
    }
    all
}

#[test]
fn a_program_that_was_given_more_than_its_server_has_gives_it_to_its_processes() {
    needs_root("to give, and to be nobody afterwards");
    let (here, there) = UnixStream::pair().expect("a pair");
    let child = Process::new(be_given_more, (Fd(here), Fd(there))).start().expect("a child");
    assert_eq!(join(child).expect("a value"), [10, 10, 0, 0]);
}
