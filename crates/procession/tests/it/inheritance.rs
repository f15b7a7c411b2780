//! What a child takes over from its parent as the parent is now, and what it does not.
//!
//! Each test changes its whole process after the fork server has started, so each runs alone.

use crate::support::{METHODS, alone, join, known_to_a_child, needs_root, own_status};
use procession::{Process, StartMethod, Value};
use rustix::process::{Resource, Rlimit};
use std::fs::File;
use std::process::Command;

/// A child's answer.
fn in_child<R: Value + Send>(method: StartMethod, look: fn() -> Process<R>) -> R {
    join(look().start_method(method).start().expect("a child")).expect("an answer")
}

/// Has the fork server run before anything is changed.
fn warm_up() {
    for method in METHODS {
        in_child(method, || Process::new(|| (), ()));
    }
}

#[test]
fn umask_is_the_parents_present_one() {
    alone(|| {
        warm_up();
        for (method, mask) in METHODS.into_iter().zip([0o027, 0o071]) {
            rustix::process::umask(rustix::fs::Mode::from_raw_mode(mask));
            let shown = in_child(method, || Process::new(|| own_status("Umask"), ()));
            assert_eq!(shown, format!("{mask:04o}"), "{method}");
        }
    });
}

#[test]
fn limits_are_the_parents_present_ones() {
    alone(|| {
        warm_up();
        let limits = || std::fs::read_to_string("/proc/self/limits").expect("the limits");
        for (method, files) in METHODS.into_iter().zip([200, 100]) {
            let hard = rustix::process::getrlimit(Resource::Nofile).maximum;
            let files = Rlimit { current: Some(files), maximum: hard };
            rustix::process::setrlimit(Resource::Nofile, files).expect("a limit");
            let none = Rlimit { current: Some(0), maximum: Some(0) };
            rustix::process::setrlimit(Resource::Core, none).expect("a limit");
            let there = in_child(method, || {
                Process::new(
                    || std::fs::read_to_string("/proc/self/limits").unwrap_or_default(),
                    (),
                )
            });
            assert_eq!(there, limits(), "{method}");
        }
    });
}

#[test]
fn niceness_is_the_parents_present_one() {
    alone(|| {
        warm_up();
        let nice = || rustix::process::getpriority_process(None).expect("the niceness");
        let own = nice();
        for (method, more) in METHODS.into_iter().zip([1, 2]) {
            // The kernel makes 19 of more.
            rustix::process::setpriority_process(None, own + more).expect("nicer");
            let there = in_child(method, || {
                Process::new(|| rustix::process::getpriority_process(None).unwrap_or(-100), ())
            });
            assert_eq!(there, nice(), "{method}");
        }
    });
}

#[test]
fn processors_are_the_parents_present_ones() {
    alone(|| {
        warm_up();
        let allowed = || own_status("Cpus_allowed_list");
        let own = rustix::thread::sched_getaffinity(None).expect("the processors");
        let cpus = (0..rustix::thread::CpuSet::MAX_CPU).filter(|&cpu| own.is_set(cpu));
        for (method, cpu) in METHODS.into_iter().zip(cpus.cycle()) {
            let mut one = rustix::thread::CpuSet::new();
            one.set(cpu);
            rustix::thread::sched_setaffinity(None, &one).expect("bound");
            let there = in_child(method, || Process::new(|| own_status("Cpus_allowed_list"), ()));
            assert_eq!((there, allowed()), (cpu.to_string(), cpu.to_string()), "{method}");
        }
    });
}

#[test]
fn a_child_acts_as_the_user_that_its_parent_is_now() {
    alone(|| {
        warm_up();
        let user = || rustix::process::geteuid().as_raw();
        // Only root can become somebody else; anybody else stays who they are.
        let other = if user() == 0 { 65_534 } else { user() };
        let other = rustix::process::Uid::from_raw(other);
        rustix::thread::set_thread_res_uid(other, other, other).expect("another user");
        for method in METHODS {
            let there =
                in_child(method, || Process::new(|| rustix::process::geteuid().as_raw(), ()));
            assert_eq!(there, user(), "{method}");
        }
    });
}

#[test]
fn a_child_is_in_the_sandbox_that_its_parent_has_entered_by_now() {
    fn sandbox() -> [String; 3] {
        ["NoNewPrivs", "Seccomp", "Seccomp_filters"].map(own_status)
    }
    alone(|| {
        warm_up();
        let before = sandbox();
        hostile::forbid_everywhere(&[hostile::lack_of("PIDFD_GET_INFO")]).expect("a filter");
        let own = sandbox();
        assert_ne!(own, before);
        for method in METHODS {
            assert_eq!(in_child(method, || Process::new(sandbox, ())), own, "{method}");
        }
    });
}

#[test]
fn a_program_that_has_left_its_root_starts_nobody_outside_the_new_one() {
    alone(|| {
        needs_root("to leave one's root");
        warm_up();
        rustix::process::chroot("/usr").expect("another root");
        for method in METHODS {
            let plan = Process::new(|| (), ()).start_method(method);
            let error = plan.start().expect_err("the new root has no /proc");
            assert!(error.to_string().contains("(/proc/self/exe)"), "{method}: {error}");
        }
    });
}

#[test]
fn command_line_arguments_are_the_parents() {
    let own = known_to_a_child(std::env::args().collect());
    for method in METHODS {
        let there = in_child(method, || Process::new(|| std::env::args().collect::<Vec<_>>(), ()));
        assert_eq!(there, own, "{method}");
    }
}

/// Which signals a process blocks, ignores and catches, as bits; real-time signals left out.
fn signals() -> [u64; 3] {
    ["SigBlk", "SigIgn", "SigCgt"].map(|field| {
        let bits = u64::from_str_radix(&own_status(field), 16).expect("bits");
        bits & 0x7fff_ffff
    })
}

/// What std gives every Rust program: nothing blocked, SIGPIPE ignored, a handler for overflows.
const AS_STD_GIVES_THEM: [u64; 3] = [0, bit(13), bit(7) | bit(11)];

const fn bit(signal: u32) -> u64 {
    1 << (signal - 1)
}

#[test]
fn signals_are_as_in_every_rust_program() {
    for method in METHODS {
        let there = in_child(method, || Process::new(signals, ()));
        assert_eq!(there, AS_STD_GIVES_THEM, "{method}: {there:x?}");
    }
}

#[test]
fn signals_that_the_parent_blocks_and_ignores_are_default_in_a_child() {
    alone(|| {
        // SIGHUP, SIGINT, SIGTERM, SIGCHLD, SIGUSR1: before the server starts, and after.
        for signal in [1, 2, 15, 17, 10] {
            hostile::ignore(signal).expect("ignored");
            hostile::block(signal).expect("blocked");
        }
        for method in METHODS {
            let there = in_child(method, || Process::new(signals, ()));
            assert_eq!(there, AS_STD_GIVES_THEM, "{method}: {there:x?}");
            hostile::ignore(12).expect("ignored");
        }
        let [blocked, ignored, _] = signals();
        assert_eq!(blocked & (bit(15) | bit(17)), bit(15) | bit(17), "the parent is as it was");
        assert_eq!(ignored & (bit(15) | bit(12)), bit(15) | bit(12), "the parent is as it was");
    });
}

/// What the open descriptors of this process are, without the one that lists them.
fn descriptors() -> Vec<(i32, String)> {
    let listed = std::fs::read_dir("/proc/self/fd").expect("the descriptors");
    let mut open: Vec<(i32, String)> = listed
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let what = std::fs::read_link(entry.path()).ok()?.to_string_lossy().into_owned();
            let number = entry.file_name().to_str()?.parse().ok()?;
            (!what.ends_with("/fd")).then_some((number, what))
        })
        .collect();
    open.sort_unstable();
    open
}

#[test]
fn a_child_has_the_standard_streams_its_corridor_and_nothing_else() {
    alone(|| {
        let leak = |_| {
            let file = File::open("/dev/zero").expect("a file");
            // Kept over an exec, as careless programs leave their descriptors.
            rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).expect("no flags");
            file
        };
        let _before: Vec<File> = (0..50).map(leak).collect();
        warm_up();
        let _after: Vec<File> = (0..50).map(leak).collect();
        for method in METHODS {
            let siblings: Vec<_> = (0..10)
                .map(|_| {
                    let plan = Process::new(std::thread::park, ()).start_method(method);
                    plan.start().expect("a sibling")
                })
                .collect();
            let there = in_child(method, || Process::new(descriptors, ()));
            let (standard, own): (Vec<_>, Vec<_>) =
                there.iter().partition(|(number, _)| *number <= 2);
            assert_eq!(standard.len(), 3, "{method}: {there:?}");
            // Its corridor, and its parent's pidfd.
            let is_ours = |what: &str| what.starts_with("socket:") || what.contains("pidfd");
            assert!(own.iter().all(|(_, what)| is_ours(what)), "{method}: {there:?}");
            assert!(own.len() <= 2, "{method}: {there:?}");
            for sibling in siblings {
                sibling.kill().expect("SIGKILL");
                join(sibling).expect_err("it was killed");
            }
        }
    });
}

#[test]
fn a_variable_with_our_own_name_is_one_like_any_other() {
    alone(|| {
        only_once();
        hostile::set_variable("PROCESSION_BOOT", "mine");
        for method in METHODS {
            assert_eq!(in_child(method, || Process::new(boot_variable, ())), "mine", "{method}");
            let other = || Process::new(boot_variable, ()).env("PROCESSION_BOOT", "s,3,4,5");
            assert_eq!(in_child(method, other), "s,3,4,5", "{method}");
        }
    });
}

#[test]
fn a_process_of_ours_that_lacks_what_it_was_given_ends_instead_of_running_main() {
    // An order with a socket that did not come along.
    let mut program = Command::new(std::env::current_exe().expect("this program"));
    let program = program.arg("--list").env("PROCESSION_BOOT", "s,900,-1,1");
    let output = program.output().expect("this program, started again");
    assert_eq!((output.status.code(), output.stdout), (Some(71), Vec::new()));
    let program = program.env("PROCESSION_BOOT", "of the user's");
    let output = program.output().expect("this program, started again");
    assert!(output.status.success() && !output.stdout.is_empty(), "{output:?}");
}

/// Fails where a process that should wake as a server or child runs the program's `main` instead,
/// and with it the calling test again.
fn only_once() {
    const INSIDE: &str = "PROCESSION_TEST_INSIDE";
    assert!(std::env::var_os(INSIDE).is_none(), "a process of ours runs the program's main");
    hostile::set_variable(INSIDE, "yes");
}

fn boot_variable() -> String {
    std::env::var("PROCESSION_BOOT").unwrap_or_default()
}

#[test]
fn a_program_that_would_start_again_as_a_privileged_one_is_refused() {
    alone(|| {
        needs_root("to act as somebody else and stay who one is");
        only_once();
        let [real, other] = [0, 65_534].map(rustix::process::Uid::from_raw);
        rustix::thread::set_thread_res_uid(real, other, real).expect("another effective user");
        let error = Process::new(|| (), ()).start().expect_err("it is not started");
        assert!(error.to_string().contains("its real user or group"), "{error}");
    });
}
