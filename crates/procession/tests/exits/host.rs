//! The programs whose end is tested, as one: the words behind `--case` say which. The kill campaigns of the
//! example `orphans` are among them.
//!
//! In: the name of a case. Out: lines on standard output, and its end. What always holds: whoever
//! starts says `begun NAME` first; main leaves when it gets SIGUSR1 and says `leaving` before; a
//! worker finishes its work when the program's standard input has ended, and says then whether its
//! parent was alive.

use nix::sys::signal::{SigSet, Signal};
use procession::{Child, Function, Process, StartMethod, current, parent};
use procession_sys::fork::{Fork, fork};
use procession_sys::thread::SingleThreaded;
use rustix::process::{WaitOptions, getpid, ioctl_tiocsctty, kill_process, setsid, wait};
use std::fs::File;
use std::io::{Read, stdin};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, abort, exit};
use std::thread;

mod copying;
mod early;
#[path = "../../../../examples/orphans.rs"]
mod orphans;
mod single;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--case", case @ ..] => play(case),
        ["--rounds" | "--host" | "--leak", ..] => return orphans::main(),
        // Cargo and others run whatever was built as a test: this is none.
        _ => {}
    }
    ExitCode::SUCCESS
}

fn play(case: &[&str]) {
    // A signal that is waited for must be blocked before anybody sends it.
    only(Signal::SIGUSR1).thread_block().expect("signals can be blocked");
    match case {
        ["waiting"] => wait_for_two(),
        ["detached"] => start_detached(),
        ["in-flight"] => exit_while_starting(),
        ["branch", way] => branch(way),
        ["copies"] => end_copies(),
        ["terminal", path] => sit_at(path),
        ["reaping"] => reap_everything(),
        ["ignoring"] => ignore_children(),
        ["one", method, temper] => single::start_one(method, *temper == "daemon"),
        ["spare", temper] => {
            single::wait_for_spares();
            single::start_one(&StartMethod::ForkServer.to_string(), *temper == "daemon");
        }
        ["value", "ordered"] => single::say_value(),
        ["value", "spare"] => {
            single::wait_for_spares();
            single::say_value();
        }
        ["value", "after the server's death"] => {
            single::kill_server(single::wait_for_spares());
            single::say_value();
        }
        ["forked"] => single::fork_where_the_kernel_reaps(),
        ["page faults"] => single::count_page_faults(),
        ["sandboxed"] => single::enter_a_sandbox(),
        ["refused"] => single::say_refusals(),
        ["forger"] => single::join_a_forger(),
        ["sockets"] => single::count_sockets(),
        ["pipe"] => single::leave_a_pipe_to_the_server(),
        ["adopting"] => single::adopt_a_stranger(),
        ["copies under starts"] => copying::copy_under_starts(),
        ["copies under accepts"] => copying::copy_under_accepts(),
        ["copies under jobs"] => copying::copy_under_jobs(),
        ["without main"] => start_without_main(),
        ["constructors"] => early::start_in_main(),
        ["recycled"] => single::kill_one_whose_id_is_another(),
        [way] => {
            start_family();
            leave(way);
        }
        case => panic!("no such case: {case:?}"),
    }
}

/// A daemon of each temper and a worker.
fn start_family() {
    start_daemon("idle", be_idle, StartMethod::ForkServer);
    start_daemon("spawned", be_idle, StartMethod::Spawn);
    start_daemon("stopped", be_stopped, StartMethod::ForkServer);
    start_daemon("polite", be_polite, StartMethod::ForkServer);
    start_daemon("deaf", be_deaf, StartMethod::ForkServer);
    start_worker();
}

fn start_daemon<F>(name: &str, body: F, method: StartMethod) -> Child<()>
where
    F: Function<(), Output = ()>,
{
    let plan = Process::new(body, ()).name(name).daemon(true).start_method(method);
    plan.start().expect("a daemon starts")
}

fn start_worker() -> Child<()> {
    Process::new(work, ()).name("worker").daemon(false).start().expect("a worker starts")
}

/// Waits until it is told to, and ends the process.
fn leave(way: &str) {
    only(Signal::SIGUSR1).wait().expect("a signal");
    println!("leaving");
    leave_now(way);
}

fn leave_now(way: &str) {
    match way {
        "return" => {}
        "exit" => exit(3),
        "panic" => panic!("as the case says"),
        "abort" => abort(),
        "_exit" => procession_sys::exit::now(4),
        "exec" => {
            let another = "echo became another; exec sleep infinity";
            panic!("{}", Command::new("sh").args(["-c", another]).exec())
        }
        way => panic!("no such way to leave: {way}"),
    }
}

fn begin() {
    println!("begun {}", current().name());
}

fn be_idle() {
    begin();
    loop {
        thread::park();
    }
}

fn be_stopped() {
    begin();
    kill_process(getpid(), rustix::process::Signal::STOP).expect("a process may stop itself");
    loop {
        thread::park();
    }
}

/// Ends when it is asked to.
fn be_polite() {
    only(Signal::SIGTERM).thread_block().expect("signals can be blocked");
    begin();
    only(Signal::SIGTERM).wait().expect("a signal");
    println!("asked");
}

/// Can only be killed.
fn be_deaf() {
    SigSet::all().thread_block().expect("signals can be blocked");
    begin();
    loop {
        thread::park();
    }
}

fn work() {
    begin();
    stdin().read_to_end(&mut Vec::new()).expect("standard input is a pipe");
    let parent_lives = parent().expect("a parent").is_alive().expect("pidfds");
    println!("finished, parent alive: {parent_lives}");
}

fn answer() -> u32 {
    42
}

fn only(signal: Signal) -> SigSet {
    SigSet::from_iter([signal])
}

fn start_detached() {
    start_worker().detach();
    leave("return");
}

/// Ends with two processes to wait for, one of each kind, and two that it does not wait for.
fn wait_for_two() {
    let stay = || {
        let _ = stdin().read_to_end(&mut Vec::new());
    };
    Process::fork(stay).name("forked").start().expect("a fork");
    Process::fork(stay).name("loose fork").start().expect("a fork").detach();
    start_worker();
    Process::new(stay, ()).name("loose").start().expect("a start").detach();
    start_daemon("idle", be_idle, StartMethod::ForkServer);
}

/// A thread starts processes once the main thread has ended, and ends the program.
fn start_without_main() {
    let main_has_ended = || {
        let status = std::fs::read_to_string("/proc/self/status").expect("/proc is mounted");
        status.contains("State:\tZ")
    };
    thread::spawn(move || {
        while !main_has_ended() {
            thread::yield_now();
        }
        for method in [StartMethod::ForkServer, StartMethod::Spawn] {
            match Process::new(answer, ()).start_method(method).start() {
                Ok(child) => println!("{method}: {:?}", child.join()),
                Err(error) => println!("{method}: {error:?}"),
            }
        }
        start_worker();
        println!("leaving");
        exit(3);
    });
    hostile::end_thread();
}

/// One thread starts processes as fast as it can, the other ends the program under it.
fn exit_while_starting() {
    thread::spawn(|| {
        loop {
            for method in [StartMethod::ForkServer, StartMethod::Spawn] {
                let plan = Process::new(be_idle, ()).daemon(true).start_method(method);
                if let Err(error) = plan.start() {
                    println!("refused: {error}");
                    // The program is ending; there is nothing to do but to wait for it.
                    thread::park();
                }
            }
        }
    });
    leave("exit");
}

/// A child with children, leaving in its own way.
fn branch(way: &str) {
    let child = Process::new(live_as_branch, (way.to_owned(),)).name("branch").start();
    match child.expect("a child starts").join() {
        Ok(()) => println!("branch returned"),
        Err(error) => println!("branch ended: {:?} {:?}", error.exit_code(), error.is_panic()),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "arguments are given away")]
fn live_as_branch(way: String) {
    start_daemon("polite", be_polite, StartMethod::ForkServer);
    start_worker();
    only(Signal::SIGUSR1).thread_block().expect("signals can be blocked");
    begin();
    leave(&way);
}

/// Copies of main that the user made end before main does: one that never used the library, one
/// that has processes of its own.
fn end_copies() {
    start_worker();
    let mut daemon = start_daemon("idle", be_idle, StartMethod::ForkServer);
    let proof = SingleThreaded::prove().expect("one thread");
    for starts in [false, true] {
        if let Fork::Child = fork(&proof).expect("a copy") {
            if starts {
                let value = Process::new(answer, ()).start().expect("a copy starts").join();
                println!("copy has {value:?}");
                start_daemon("copied", be_idle, StartMethod::ForkServer);
            }
            exit(0);
        }
        let (_, status) = wait(WaitOptions::empty()).expect("a child").expect("that has ended");
        println!("copy ended: {:?}", status.exit_status());
    }
    let value = Process::new(answer, ()).start().expect("main still starts processes").join();
    println!("main has {value:?}, daemon alive: {}", daemon.is_alive());
    leave("return");
}

/// The leader of a session whose terminal is `path`.
fn sit_at(path: &str) {
    setsid().expect("a process just started leads no group");
    let terminal = File::options().read(true).write(true).open(path).expect("a terminal");
    ioctl_tiocsctty(&terminal).expect("a session leader may take a terminal");
    only(Signal::SIGINT).thread_block().expect("signals can be blocked");
    let child = start_daemon("idle", be_idle, StartMethod::ForkServer);
    only(Signal::SIGINT).wait().expect("a signal");
    println!("main interrupted");
    let ending = child.join().expect_err("it is interrupted, too");
    println!("child interrupted: {:?}", ending.signal());
    let value = Process::new(answer, ()).start().expect("the server is there").join();
    println!("then {value:?}");
    leave("return");
}

/// A program that takes every child's status for its own.
fn reap_everything() {
    let first = Process::new(answer, ()).start().expect("a start").join();
    let reaper = thread::spawn(|| {
        while let Ok(reaped) = wait(WaitOptions::empty()) {
            println!("reaped {}", reaped.is_some());
        }
    });
    let more: Vec<_> =
        (0..20).map(|_| Process::new(answer, ()).start().expect("a start")).collect();
    let right = more.into_iter().all(|child| child.join().is_ok_and(|value| value == 42));
    println!("first {first:?}, others right: {right}");
    // Till somebody kills the fork server: then it has no children any more.
    reaper.join().expect("the reaper");
    println!("then {:?}", Process::new(answer, ()).start().expect("a new server").join());
    leave("return");
}

/// A program that was started with SIGCHLD ignored, so that the kernel reaps for it.
fn ignore_children() {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc is mounted");
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).expect("SigIgn");
    let ignored = u64::from_str_radix(ignored.trim(), 16).expect("a hexadecimal number");
    println!("ignores SIGCHLD: {}", ignored >> (Signal::SIGCHLD as i32 - 1) & 1 == 1);
    for method in [StartMethod::ForkServer, StartMethod::Spawn] {
        let value = Process::new(answer, ()).start_method(method).start().expect("a start").join();
        let code = Process::new(|| exit(7), ()).start_method(method).start().expect("a start");
        let code: Result<(), _> = code.join();
        println!("{value:?}, {:?}", code.map_err(|error| error.exit_code()));
    }
    leave("return");
}
