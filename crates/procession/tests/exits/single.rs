//! Cases in which one process is started, at a moment or in a way that something may go wrong.
//!
//! In: the words of the case. Out: a line that says what came of it. What always holds: main stays
//! until it is told to leave.

use super::{answer, be_idle, leave};
use procession::{Process, StartMethod};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitOptions};
use rustix::process::{pidfd_open, pidfd_send_signal, wait};
use std::fs;
use std::io::{Read, Write, stdin};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::thread;

/// Waits for the end of a child and leaves it where it is.
const EXITED_UNREAPED: WaitIdOptions = WaitIdOptions::EXITED.union(WaitIdOptions::NOWAIT);

/// Comes back when spare children wait for their starts; gives the process id of their server.
pub(super) fn wait_for_spares() -> u32 {
    let server = Process::new(std::os::unix::process::parent_id, ()).start().expect("a start");
    let server = server.join().expect("its parent");
    let list = format!("/proc/{server}/task/{server}/children");
    let asleep = |pid: &str| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(')').is_some_and(|(_, fields)| fields.starts_with(" S"))
    };
    loop {
        let children = fs::read_to_string(&list).expect("the kernel's list");
        let children: Vec<&str> = children.split_whitespace().collect();
        if children.len() >= 4 && children.into_iter().all(asleep) {
            return server;
        }
        thread::yield_now();
    }
}

/// A process that was a spare child, and how many pages it touched first between its start and its
/// function.
pub(super) fn count_page_faults() {
    let server = wait_for_spares();
    let list = fs::read_to_string(format!("/proc/{server}/task/{server}/children"));
    let list = list.expect("the kernel's list");
    let before: Vec<(&str, u64)> =
        list.split_whitespace().map(|spare| (spare, page_faults(spare))).collect();
    let child = Process::new(page_faults, ("self".to_owned(),)).start().expect("a start");
    let id = child.id().to_string();
    let (_, before) = before.into_iter().find(|(spare, _)| *spare == id).expect("a spare");
    println!("page faults: {}", child.join().expect("their number") - before);
}

/// How many page faults a process has had that took no reading from a disk.
fn page_faults<P: AsRef<str>>(process: P) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.as_ref())).expect("its state");
    let (_, fields) = stat.rsplit_once(") ").expect("its name");
    fields.split(' ').nth(7).and_then(|field| field.parse().ok()).expect("their number")
}

/// A closure as a process, where the kernel reaps every child.
pub(super) fn fork_where_the_kernel_reaps() {
    hostile::ignore(Signal::CHILD.as_raw()).expect("SIGCHLD can be ignored");
    let closure = || {
        println!("ran");
        answer()
    };
    match Process::fork(closure).start() {
        Ok(child) => println!("value: {:?}", child.join().ok()),
        Err(error) => println!("not started: {error}"),
    }
}

/// Kills the server, and comes back when it has ended.
pub(super) fn kill_server(server: u32) {
    let server = Pid::from_raw(i32::try_from(server).expect("a process id")).expect("a process");
    let pidfd = pidfd_open(server, PidfdFlags::empty()).expect("it is there");
    pidfd_send_signal(&pidfd, Signal::KILL).expect("a child may be killed");
    assert!(is_ready(&pidfd, None), "it ends");
}

/// One process that never ends by itself, and whether it was started.
pub(super) fn start_one(method: &str, daemon: bool) {
    let methods = [StartMethod::ForkServer, StartMethod::Spawn];
    let method = methods.into_iter().find(|one| one.to_string() == method).expect("a method");
    let victim = Process::new(be_idle, ()).name("victim").daemon(daemon).start_method(method);
    match victim.start() {
        Ok(_child) => println!("started"),
        Err(error) => println!("not started: {error}"),
    }
    leave("return");
}

/// One process that returns a value, and what became of it.
pub(super) fn say_value() {
    let child = Process::new(answer, ()).name("victim").start().expect("a start");
    match child.join() {
        Ok(value) => println!("value: {value}"),
        Err(error) => println!("no value: {error}"),
    }
    leave("return");
}

/// A sandbox that main enters while its fork server runs, and whether a process is in it then.
pub(super) fn enter_a_sandbox() {
    fn filters() -> Option<String> {
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find(|line| line.starts_with("Seccomp_filters:"))?;
        Some(line.to_owned())
    }
    wait_for_spares();
    hostile::forbid_everywhere(&[hostile::lack_of("PIDFD_GET_INFO")]).expect("a filter");
    let child = Process::new(filters, ()).start().expect("a start").join().expect("a value");
    println!("in the sandbox: {}", child.is_some() && child == filters());
}

/// Whether processes can be started here, and if not, why.
pub(super) fn say_refusals() {
    for method in [StartMethod::ForkServer, StartMethod::Spawn] {
        match Process::new(answer, ()).start_method(method).start() {
            Ok(child) => println!("value: {:?}", child.join()),
            Err(error) => println!("{}", format!("{error:?}").replace('\n', " ")),
        }
    }
}

/// A process that tells of its own end, long before that comes.
pub(super) fn join_a_forger() {
    let forge = || {
        // A parcel inside its packet, the kind of an exit, a status.
        let forged = [&[0, b'x'][..], &[0; 12]].concat();
        for number in 3..64 {
            let _ = hostile::send_bytes(number, &forged);
        }
        println!("forged");
        stdin().read_to_end(&mut Vec::new()).expect("standard input is a pipe");
        println!("finished");
    };
    let joined = Process::new(forge, ()).start().expect("a start").join();
    println!("joined: {}", joined.is_err());
    leave("return");
}

/// How many sockets a process has that was given none.
pub(super) fn count_sockets() {
    let count = || {
        let open = fs::read_dir("/proc/self/fd").expect("/proc is mounted").filter_map(Result::ok);
        let files = open.filter_map(|entry| fs::read_link(entry.path()).ok());
        files.filter(|file| file.to_string_lossy().starts_with("socket:")).count()
    };
    let child = Process::new(count, ()).start().expect("a start");
    println!("sockets: {}", child.join().expect("a number"));
    leave("return");
}

/// A pipe that every program started from here inherits; whether main's is its only writing end.
pub(super) fn leave_a_pipe_to_the_server() {
    let (reader, writer) = rustix::pipe::pipe().expect("a pipe");
    Process::new(answer, ()).start().expect("a start").join().expect("a value");
    drop(writer);
    println!("pipe has ended: {}", is_ready(&reader, Some(Timespec::default())));
    leave("return");
}

/// Has an orphan that nobody here started, which ends among processes that are ours.
pub(super) fn adopt_a_stranger() {
    let leave_one = "exec 3<&0; (read line <&3; exit 7) & exit 0";
    let mut shell = Command::new("sh");
    let mut shell = shell.args(["-c", leave_one]).stdin(Stdio::piped()).spawn().expect("a shell");
    let input = shell.stdin.take().expect("piped");
    assert!(shell.wait().expect("a child").success(), "the shell leaves its child");
    let values_are_right = || {
        let start = |n: u32| Process::new(|n: u32| n + 1, (n,)).start().expect("a start");
        let children: Vec<_> = (0..20).map(start).collect();
        children.into_iter().map(|child| child.join().expect("a value")).eq(1..=20)
    };
    let before = values_are_right();
    drop(input);
    let is_ended = || rustix::process::waitid(WaitId::All, EXITED_UNREAPED).is_ok();
    assert!(is_ended(), "the stranger ends, and is left to whoever reaps it");
    println!("values are right: {}", before && values_are_right());
    let (_, status) = wait(WaitOptions::empty()).expect("a child").expect("that has ended");
    println!("stranger ended: {:?}", status.exit_status());
    leave("return");
}

/// Kills a process that has ended, whose process id belongs to a stranger by now.
pub(super) fn kill_one_whose_id_is_another() {
    let mut child = Process::new(answer, ()).start().expect("a start");
    let id = child.id();
    while child.is_alive() || fs::exists(format!("/proc/{id}")).expect("/proc is mounted") {
        thread::yield_now();
    }
    let mut stranger = stranger_with(id);
    child.kill().expect("whoever has ended may be killed");
    // Killed, it never gets to write back what it reads.
    let mut echo = [0];
    let _ = stranger.stdin.take().expect("piped").write_all(b"!");
    let lives = stranger.stdout.take().expect("piped").read_exact(&mut echo).is_ok();
    stranger.wait().expect("a child");
    println!("stranger lives: {lives}");
    leave("return");
}

/// A program that becomes the process with this id, in a pid namespace that is ours to number.
fn stranger_with(id: u32) -> Child {
    loop {
        let before = (id - 1).to_string();
        fs::write("/proc/sys/kernel/ns_last_pid", before).expect("this namespace is ours");
        let mut cat = Command::new("cat");
        let cat = cat.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut stranger = cat.spawn().expect("cat is everywhere");
        if stranger.id() == id {
            return stranger;
        }
        // A spare child was born in between.
        stranger.kill().expect("a child may be killed");
        stranger.wait().expect("a child");
    }
}

/// Whether it can be read, or has ended, within this time.
fn is_ready(descriptor: impl AsFd, timeout: Option<Timespec>) -> bool {
    let mut polled = [PollFd::new(&descriptor, PollFlags::IN)];
    poll(&mut polled, timeout.as_ref()).is_ok_and(|ready| ready > 0)
}
