//! Processes that die at the worst moment, and what their parent still knows.

use crate::support::{METHODS, alone, children, gone, join, kill, line, tell, wait_to_be_told};
use procession::{Ending, Fd, Process, StartMethod, Stdio, active_children};
use procession_sys::fork::{Fork, fork};
use procession_sys::thread::SingleThreaded;
use procession_sys::{descriptor, exit};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::io::Write;
use std::os::unix::net::UnixStream;

/// Where in its life a process does its deed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    DecodeArguments,
    Run,
    EncodeResult,
    DropArguments,
    DropResult,
}

const STAGES: [Stage; 5] = [
    Stage::DecodeArguments,
    Stage::Run,
    Stage::EncodeResult,
    Stage::DropArguments,
    Stage::DropResult,
];

/// What it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Deed {
    Panic,
    Exit,
    ExitNow,
    Abort,
    Fault,
    Kill,
}

const DEEDS: [Deed; 6] =
    [Deed::Panic, Deed::Exit, Deed::ExitNow, Deed::Abort, Deed::Fault, Deed::Kill];

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Plot {
    stage: Stage,
    deed: Deed,
}

impl Plot {
    /// Does the deed, if this is its stage and not the parent.
    fn reaches(self, stage: Stage) {
        if self.stage != stage || procession::parent().is_none() {
            return;
        }
        match self.deed {
            Deed::Panic => panic!("as planned"),
            Deed::Exit => std::process::exit(0),
            Deed::ExitNow => exit::now(0),
            Deed::Abort => std::process::abort(),
            Deed::Fault => hostile::segfault(),
            Deed::Kill => kill_itself(),
        }
    }
}

fn kill_itself() -> ! {
    let signal = rustix::process::Signal::KILL;
    rustix::process::kill_process(rustix::process::getpid(), signal).expect("SIGKILL");
    unreachable!("nobody survives SIGKILL")
}

#[derive(Serialize)]
struct Arguments(Plot);

impl<'de> Deserialize<'de> for Arguments {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let plot = Plot::deserialize(deserializer)?;
        plot.reaches(Stage::DecodeArguments);
        Ok(Self(plot))
    }
}

impl Drop for Arguments {
    fn drop(&mut self) {
        self.0.reaches(Stage::DropArguments);
    }
}

#[derive(Debug, Deserialize)]
struct Outcome(Plot);

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.reaches(Stage::EncodeResult);
        self.0.serialize(serializer)
    }
}

impl Drop for Outcome {
    fn drop(&mut self) {
        self.0.reaches(Stage::DropResult);
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the arguments are dropped here")]
fn act(arguments: Arguments) -> Outcome {
    arguments.0.reaches(Stage::Run);
    Outcome(arguments.0)
}

/// Whether this is how a process ends that did the deed before its value was sent.
fn is_the_ending_of(deed: Deed, ending: &Ending) -> bool {
    match (deed, ending) {
        (Deed::Panic, Ending::Panicked(panic)) => panic.message() == "as planned",
        (Deed::Exit | Deed::ExitNow, Ending::Exited(code)) => *code == 0,
        (Deed::Abort, Ending::Killed { signal, .. }) => *signal == 6,
        (Deed::Fault, Ending::Killed { signal, .. }) => *signal == 11,
        (Deed::Kill, Ending::Killed { signal, .. }) => *signal == 9,
        _ => false,
    }
}

#[test]
fn each_deed_at_each_stage_has_its_ending() {
    alone(|| {
        let open = || std::fs::read_dir("/proc/self/fd").expect("the descriptors").count();
        join(Process::new(|| (), ()).start().expect("a child")).expect("it ends");
        let before = open();
        for method in METHODS {
            for stage in STAGES {
                for deed in DEEDS {
                    let arguments = (Arguments(Plot { stage, deed }),);
                    let plan = Process::new(act, arguments).start_method(method);
                    let child = plan.stderr(Stdio::Null).start().expect("a child");
                    let error = join(child).expect_err("it came to its stage");
                    let right = is_the_ending_of(deed, error.ending());
                    assert!(right, "{method}: {deed:?} at {stage:?}: {error}");
                }
            }
        }
        assert_eq!(open(), before, "a descriptor was left open");
        assert_eq!(active_children(), []);
        let one = join(Process::new(|| 1, ()).start().expect("a child"));
        assert_eq!(one.expect("starting goes on"), 1);
    });
}

#[test]
fn a_panic_payload_that_panics_as_it_is_dropped_costs_nothing() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("again");
        }
    }
    for method in METHODS {
        let fail = || std::panic::panic_any(Bomb);
        let plan: Process<()> = Process::new(fail, ()).start_method(method).stderr(Stdio::Null);
        let error = join(plan.start().expect("a child")).expect_err("it panicked");
        assert!(error.is_panic(), "{method}: {error}");
    }
}

#[test]
fn a_value_sent_before_death_is_delivered() {
    let die_on_the_way_out = |bytes: usize| {
        exit::at_exit(|| kill_itself()).expect("an exit handler");
        vec![7_u8; bytes]
    };
    for method in METHODS {
        for bytes in [1, 1 << 20] {
            let plan = || Process::new(die_on_the_way_out, (bytes,)).start_method(method);
            let value = join(plan().start().expect("a child")).expect("it was sent");
            assert_eq!(value, vec![7; bytes], "{method}");
            let child = plan().start().expect("a child");
            let value = crate::support::within("a value", move || child.value());
            assert_eq!(value.expect("it was sent"), vec![7; bytes], "{method}");
        }
    }
}

#[test]
fn a_process_killed_at_any_moment_gives_its_whole_value_or_none() {
    const LENGTH: usize = 4 << 20;
    let make = |mut line: Fd<UnixStream>| {
        tell(&mut line);
        "x".repeat(LENGTH)
    };
    for method in METHODS {
        let (mut whole, mut none) = (0, 0);
        for round in 0..40_u32 {
            let (mut events, line) = line();
            let plan = Process::new(make, (line,)).start_method(method);
            let child = plan.start().expect("a child");
            events.wait("a process at work");
            // Rounds differ in how far it gets, from nowhere to its end.
            for _ in 0..round * 2_000 {
                std::hint::spin_loop();
            }
            child.kill().expect("SIGKILL");
            match join(child) {
                Ok(value) => {
                    assert!(value.len() == LENGTH && value.bytes().all(|byte| byte == b'x'));
                    whole += 1;
                }
                Err(error) => {
                    assert_eq!(error.signal(), Some(9), "{method}: {error}");
                    none += 1;
                }
            }
        }
        assert_eq!(whole + none, 40);
    }
}

#[test]
fn a_grandchild_that_keeps_the_corridor_open_holds_nobody_up() {
    let leave_one_behind = |line: Fd<UnixStream>| {
        let alone = SingleThreaded::prove().expect("one thread");
        let mut line = line;
        match fork(&alone).expect("a fork") {
            Fork::Child => {
                tell(&mut line);
                wait_to_be_told(&mut line);
                exit::now(0);
            }
            Fork::Parent(_) => kill_itself(),
        }
    };
    for method in METHODS {
        let (mut events, line) = line();
        let plan: Process<()> = Process::new(leave_one_behind, (line,)).start_method(method);
        let child = plan.start().expect("a child");
        events.wait("the grandchild");
        let error = join(child).expect_err("it was killed");
        assert_eq!(error.signal(), Some(9), "{method}: {error}");
        events.tell();
        events.wait_for_end("the grandchild");
    }
}

#[test]
fn a_foreign_fork_that_holds_everything_does_not_keep_its_parent_from_ending() {
    let fork_after_start = |mut line: Fd<UnixStream>, method: StartMethod| {
        let alone = SingleThreaded::prove().expect("one thread");
        // So that there is a fork server whose socket the fork holds.
        let start = || {
            let plan = Process::new(|| 2, ()).start_method(method);
            plan.start().expect("a child").join().expect("a value")
        };
        let value = start();
        let server = children()[0];
        match fork(&alone).expect("a fork") {
            Fork::Child => {
                tell(&mut line);
                wait_to_be_told(&mut line);
                exit::now(0);
            }
            Fork::Parent(_) => {
                // Nor from noticing that its server is gone, and making another.
                kill(server);
                gone(server, "the fork server");
                value + start()
            }
        }
    };
    for method in METHODS {
        let (mut events, line) = line();
        let plan = Process::new(fork_after_start, (line, method)).start_method(method);
        let child = plan.start().expect("a child");
        events.wait("the foreign fork");
        assert_eq!(join(child).expect("values"), 4, "{method}");
        events.tell();
        events.wait_for_end("the foreign fork");
    }
}

#[test]
fn a_process_that_closes_its_descriptors_ends_without_a_value() {
    let close_all = || {
        descriptor::close_all_but(&[]).expect("closed");
        1
    };
    for method in METHODS {
        let child = Process::new(close_all, ()).start_method(method).start().expect("a child");
        let error = join(child).expect_err("its corridor is gone");
        assert_eq!(error.exit_code(), Some(0), "{method}: {error}");
    }
}

/// Every socket of this process, its corridor among them.
fn corridors() -> Vec<i32> {
    let listed = std::fs::read_dir("/proc/self/fd").expect("the descriptors");
    let sockets = listed.filter_map(|entry| {
        let entry = entry.ok()?;
        let what = std::fs::read_link(entry.path()).ok()?;
        let number: i32 = entry.file_name().to_str()?.parse().ok()?;
        (number > 2 && what.to_string_lossy().starts_with("socket:")).then_some(number)
    });
    sockets.collect()
}

#[test]
fn a_process_that_writes_nonsense_into_its_corridor_is_undecodable() {
    let babble = || {
        for number in corridors() {
            let socket = rustix::process::pidfd_open(
                rustix::process::getpid(),
                rustix::process::PidfdFlags::empty(),
            )
            .and_then(|own| {
                rustix::process::pidfd_getfd(own, number, rustix::process::PidfdGetfdFlags::empty())
            })
            .expect("a duplicate");
            let mut socket = std::fs::File::from(socket);
            socket.write_all(b"nonsense").expect("nonsense");
        }
        1
    };
    for method in METHODS {
        let child = Process::new(babble, ()).start_method(method).start().expect("a child");
        let error = join(child).expect_err("nonsense came first");
        assert!(error.is_undecodable(), "{method}: {error}");
    }
}

#[test]
fn a_failing_process_does_not_disturb_its_siblings() {
    for method in METHODS {
        let start = |n: u32| {
            let work = |n: u32| if n % 5 == 0 { std::process::abort() } else { n };
            let plan = Process::new(work, (n,)).start_method(method).stderr(Stdio::Null);
            (n, plan.start().expect("a child"))
        };
        for (n, child) in (0..20).map(start).collect::<Vec<_>>() {
            match join(child) {
                Ok(value) => assert_eq!(value, n),
                Err(error) => assert_eq!((n % 5, error.signal()), (0, Some(6)), "{method}"),
            }
        }
    }
}

#[test]
fn a_program_that_exits_in_setup_does_not_call_its_function() {
    for method in [StartMethod::ForkServer, StartMethod::Spawn] {
        let plan = Process::new(|| 1, ()).setup(|| std::process::exit(7)).start_method(method);
        let error = join(plan.start().expect("a child")).expect_err("it exited");
        assert_eq!(error.exit_code(), Some(7), "{method}");
    }
}
