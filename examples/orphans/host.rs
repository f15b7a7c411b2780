//! The program that is killed: a tree of processes of every temper.
//!
//! In: which tree. Out: lines on standard output; `begun N` and `finished N` for each process that
//! is no daemon and must come to its end whatever happens to the program. What always holds: it
//! goes on starting processes until it is killed, so that a kill finds some half-started.

use nix::sys::signal::SigSet;
use procession::{Process, StartError, StartMethod};
use procession_sys::fork::{Fork, fork};
use procession_sys::inherit::set_thread_name;
use procession_sys::thread::SingleThreaded;
use rustix::process::{Signal, getpid, kill_process, set_parent_process_death_signal, setsid};
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::thread::park;

/// The name of those who live on deliberately, with whatever descriptors they have.
pub(crate) const LEAKER: &str = "leaker";
/// The name of those who are no daemons.
pub(crate) const WORKER: &str = "worker";
/// The argument that makes this program one of them.
pub(crate) const LEAK: &str = "--leak";
/// How often a leaking tree prints `leaking`.
pub(crate) const LEAKERS: usize = 3;
/// How deep the nested tree is.
const DEPTH: u32 = 3;

const METHODS: [StartMethod; 2] = [StartMethod::ForkServer, StartMethod::Spawn];

/// What a tree is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tree {
    /// Daemons and workers side by side.
    Wide,
    /// The same, and processes that hold every descriptor of main and of a daemon.
    Leaking,
    /// Daemons with daemons of their own.
    Nested,
}

impl Tree {
    pub(crate) const ALL: [Self; 3] = [Self::Wide, Self::Leaking, Self::Nested];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Wide => "wide",
            Self::Leaking => "leaking",
            Self::Nested => "nested",
        }
    }
}

/// Plants the tree and lets it grow; comes back only where a process cannot be started.
pub(crate) fn run(tree: Tree) -> Result<std::convert::Infallible, StartError> {
    // An observer that is interrupted leaves nothing behind.
    set_parent_process_death_signal(Some(Signal::KILL)).expect("prctl");
    // A process that has ended still shows its session, and so that it was of this tree.
    setsid().expect("a process just started leads no group");
    println!("up");
    match tree {
        Tree::Wide => plant()?,
        Tree::Leaking => {
            plant()?;
            leak()?;
        }
        Tree::Nested => nest(DEPTH)?,
    }
    println!("ready");
    loop {
        for method in METHODS {
            Process::new(idle, ()).name("short-lived").daemon(true).start_method(method).start()?;
            let worker = Process::new(work, (0,)).name(WORKER).start_method(method).start()?;
            // Where the server has been killed, the ending may be lost.
            let _ = worker.join();
        }
    }
}

/// One daemon of each temper, and two workers.
fn plant() -> Result<(), StartError> {
    Process::new(idle, ()).name("idle").daemon(true).start()?;
    Process::new(spin, ()).name("busy").daemon(true).start()?;
    Process::new(read, ()).name("reading").daemon(true).start()?;
    Process::new(stop, ()).name("stopped").daemon(true).start()?;
    Process::new(be_deaf, ()).name("deaf").daemon(true).start()?;
    for method in METHODS {
        Process::new(work_until_orphaned, ()).name(WORKER).start_method(method).start()?;
    }
    Ok(())
}

/// A daemon that does the same, `depth` deep, each with a daemon and a worker beside it.
fn nest(depth: u32) -> Result<(), StartError> {
    Process::new(idle, ()).name("idle").daemon(true).start()?;
    Process::new(work_until_orphaned, ()).name(WORKER).daemon(false).start()?;
    if depth == 0 {
        println!("deep");
        return Ok(());
    }
    Process::new(live_nested, (depth - 1,)).name("nest").daemon(true).start()?;
    Ok(())
}

fn live_nested(depth: u32) {
    nest(depth).expect("a daemon starts daemons");
    idle();
}

/// Three who hold what they should not: a copy of main, one of a daemon, a command.
fn leak() -> Result<(), StartError> {
    fork_leaker();
    Process::new(leak_and_idle, ()).name("leaky").daemon(true).start()?;
    let own = std::env::current_exe().expect("/proc is mounted");
    let command = Command::new(own).arg(LEAK).spawn().expect("a command starts");
    // It outlives this program, whose heir reaps it.
    std::mem::forget(command);
    Ok(())
}

fn leak_and_idle() {
    fork_leaker();
    idle();
}

fn fork_leaker() {
    let proof = SingleThreaded::prove().expect("one thread");
    if let Fork::Child = fork(&proof).expect("a copy") {
        live_on();
    }
}

/// Holds every descriptor it has until it is killed.
pub(crate) fn live_on() -> ! {
    set_thread_name(LEAKER);
    println!("leaking");
    loop {
        park();
    }
}

fn idle() {
    loop {
        park();
    }
}

fn spin() {
    loop {
        std::hint::spin_loop();
    }
}

fn read() {
    let (mut here, _there) = UnixStream::pair().expect("a pair");
    here.read_exact(&mut [0]).expect("the other end stays open and silent");
}

fn stop() {
    kill_process(getpid(), Signal::STOP).expect("a process may stop itself");
    idle();
}

fn be_deaf() {
    SigSet::all().thread_block().expect("signals can be blocked");
    idle();
}

/// Something to do that must not be cut short.
fn work(seed: u64) -> u64 {
    let own = std::process::id();
    println!("begun {own}");
    let sum = (0..10_000).fold(seed, |sum, n: u64| sum.wrapping_mul(31).wrapping_add(n));
    println!("finished {own}");
    sum
}

/// The same, begun before the program's death and finished after it.
fn work_until_orphaned() {
    let own = std::process::id();
    println!("begun {own}");
    procession::parent().expect("a child has a parent").wait().expect("pidfds");
    println!("finished {own}");
}
