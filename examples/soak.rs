//! Starts processes for a long time, and looks whether anything grows.
//!
//! `cargo run --release --example soak -- --starts 100000 --at-once 1000`
//!
//! In: how many starts, and how many processes alive at once at the end. Out: a line for each tenth
//! of the way, and exit code 1 where something grew. Counted are the descriptors, threads and
//! resident memory of this process and of its fork server, and the server's children. The first
//! tenth is the warm-up: what comes after it is measured against its end.

use procession::{Process, StartMethod};
use std::fmt;
use std::fs;
use std::process::ExitCode;

/// How much memory may come and go without being a leak: that of a few allocator arenas, and less
/// than a byte a start of a hundred thousand lost at 40 bytes each.
const SLACK_KIB: u64 = 2_048;
/// The server's spare children, which come and go.
const SPARES: usize = 8;

/// What a process holds.
#[derive(Clone, Copy, Debug)]
struct Holding {
    descriptors: usize,
    threads: u64,
    resident_kib: u64,
    children: usize,
}

impl Holding {
    fn of(pid: u32) -> Self {
        let entries = |what: &str| {
            fs::read_dir(format!("/proc/{pid}/{what}")).expect("/proc is mounted").count()
        };
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a status");
        let number = |field: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(field));
            let digits = line.and_then(|line| line.split_whitespace().next());
            digits.and_then(|digits| digits.parse().ok()).expect("a number")
        };
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        Self {
            descriptors: entries("fd"),
            threads: number("Threads:"),
            resident_kib: number("VmRSS:"),
            children: children.expect("a list").split_whitespace().count(),
        }
    }

    /// What of this is more than there was before.
    fn grown_since(&self, before: &Self) -> Option<String> {
        // Each spare costs the server a socket and a pidfd.
        let descriptors = self.descriptors > before.descriptors + 2 * SPARES;
        let children = self.children > before.children + SPARES;
        let memory = self.resident_kib > before.resident_kib + SLACK_KIB;
        let grown = descriptors || children || memory || self.threads > before.threads;
        grown.then(|| format!("grew from {before} to {self}"))
    }
}

impl fmt::Display for Holding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { descriptors, threads, resident_kib, children } = self;
        write!(f, "{descriptors} descriptors, {threads} threads, {resident_kib} KiB, ")?;
        write!(f, "{children} children")
    }
}

fn increment(n: u64) -> u64 {
    n + 1
}

/// Starts and joins one process; every hundredth is executed afresh.
fn start_one(n: u64) {
    let method = if n % 100 == 0 { StartMethod::Spawn } else { StartMethod::ForkServer };
    let plan = Process::new(increment, (n,)).start_method(method);
    assert_eq!(plan.start().expect("a start").join().expect("a value"), n + 1);
}

/// This process and its fork server.
fn look() -> [Holding; 2] {
    let own = std::process::id();
    let list = fs::read_to_string(format!("/proc/{own}/task/{own}/children")).expect("a list");
    let server = list.split_whitespace().next().expect("a fork server");
    [Holding::of(own), Holding::of(server.parse().expect("a process id"))]
}

/// As many processes as asked for, all alive before the first is told to end.
fn at_once(count: u64) {
    let wait = || {
        let _ = std::io::stdin().read_line(&mut String::new());
    };
    let start = |_| {
        let plan = Process::new(wait, ()).stdin(procession::Stdio::Piped);
        plan.start().expect("a start")
    };
    let children: Vec<_> = (0..count).map(start).collect();
    let alive = procession::active_children().len();
    assert_eq!(alive as u64, count, "alive at once");
    for child in children {
        child.join().expect("an end of its input, and its own");
    }
    println!("{count} at once: all alive together, all joined");
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str, default: u64| {
        let at = words.iter().position(|word| word == name);
        let given = at.and_then(|at| words.get(at + 1));
        given.map_or(default, |text| text.parse().expect("a whole number"))
    };
    let (starts, many) = (number("--starts", 10_000), number("--at-once", 100));
    let tenth = (starts / 10).max(1);
    // What many at once need of memory stays with the allocators: it is part of the warm-up.
    at_once(many);
    (0..tenth).for_each(start_one);
    let before = look();
    let mut red = false;
    for part in 1..10 {
        (part * tenth..(part + 1) * tenth).for_each(start_one);
        let now = look();
        println!("{} starts: main {}; server {}", (part + 1) * tenth, now[0], now[1]);
        for (now, before) in now.iter().zip(&before) {
            if let Some(what) = now.grown_since(before) {
                println!("  {what}");
                red = true;
            }
        }
    }
    at_once(many);
    for (now, before) in look().iter().zip(&before) {
        if let Some(what) = now.grown_since(before) {
            println!("after {many} at once: {what}");
            red = true;
        }
    }
    if red { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
