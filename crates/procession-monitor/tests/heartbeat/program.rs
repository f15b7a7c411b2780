//! A program with a heartbeat that does as it is told: `heartbeat_program URL WORD…`.
//!
//! In: on standard input, a line for each step: `tick`, `note TEXT`, `goodbye [MS]`, `fork`,
//! `bomb` (a child that forks itself up to a limit), `delivery TEXT` (waits until the last report
//! came to that); standstills: `loop`, `deadlock`; ends: `return`, `exit N`, `panic`, `abort`,
//! `exec`, `devour` (takes memory for ever). Out: `heart PID` once it has started its heartbeat,
//! `reported` once the monitor has taken a report, and `did LINE` after each step. What always
//! holds: it does nothing else.

use procession::{Delivery, Heartbeat, Life, Process, active_children};
use std::io::BufRead;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio, abort, exit};
use std::sync::{Barrier, Mutex};
use std::thread::sleep;
use std::time::Duration;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some(url) = words.first() else {
        eprintln!(
            "heartbeat_program URL [--stuck MS] [--linger MS] [--ca FILE] [--twice] [--wait]"
        );
        return ExitCode::FAILURE;
    };
    let flag = |name: &str| words.iter().any(|word| word == name);
    let value = |name: &str| words.iter().skip_while(|word| *word != name).nth(1);
    let ms = |name: &str| {
        value(name).map(|value| Duration::from_millis(value.parse().expect("milliseconds")))
    };
    let mut heartbeat = heartbeat(url, "program");
    if let Some(stuck) = ms("--stuck") {
        heartbeat = heartbeat.stuck_after(stuck);
    }
    if let Some(linger) = ms("--linger") {
        heartbeat = heartbeat.linger(linger);
    }
    if let Some(file) = value("--ca") {
        heartbeat = heartbeat.ca(file);
    }
    if let Some(file) = value("--token-file") {
        heartbeat = heartbeat.token_file(file);
    }
    let life = heartbeat.start().expect("a heartbeat");
    if flag("--twice") {
        let _second = self::heartbeat(url, "second").start().expect("a heartbeat");
    }
    let heart = active_children().into_iter().find(|child| child.name() == "heartbeat");
    println!("heart {}", heart.expect("a heartbeat").id());
    while !flag("--wait") && life.delivery() != Delivery::Taken {
        sleep(Duration::from_millis(5));
    }
    println!("reported");
    for told in std::io::stdin().lock().lines() {
        let told = told.expect("a line");
        step(&told, &life);
        println!("did {told}");
    }
    ExitCode::SUCCESS
}

fn heartbeat(url: &str, name: &str) -> Heartbeat {
    Heartbeat::to(url)
        .name(name)
        .every(Duration::from_millis(300))
        .grace(Duration::from_secs(2))
        .label("group", "tests")
        .token("BEAT")
}

fn step(told: &str, life: &Life) {
    let (word, rest) = told.split_once(' ').unwrap_or((told, ""));
    match word {
        "tick" => life.tick(),
        "note" => life.note(rest),
        "delivery" => {
            while life.delivery().to_string() != rest {
                sleep(Duration::from_millis(5));
            }
        }
        "loop" => loop {
            std::hint::spin_loop();
        },
        "deadlock" => deadlock(),
        "bomb" => bomb(),
        "devour" => devour(),
        "goodbye" => life.goodbye(rest.parse().ok().map(Duration::from_millis)),
        "return" => exit(0),
        "exit" => exit(rest.parse().expect("a code")),
        "panic" => panic!("as it was told"),
        "abort" => abort(),
        "exec" => panic!("{}", Command::new("sleep").arg("60").exec()),
        "fork" => {
            // All that a heartbeat hears of is its own program's.
            let life = life.clone();
            let child = Process::fork(move || {
                life.tick();
                life.note("a fork's note");
                life.goodbye(None);
                std::panic::catch_unwind(|| panic!("a fork's panic")).is_err()
            });
            assert!(child.start().expect("a program with one thread").join().expect("its value"));
        }
        word => panic!("no such step: {word}"),
    }
}

/// Two threads that wait for each other's lock.
fn deadlock() {
    let (first, second) = (Mutex::new(()), Mutex::new(()));
    let both_hold_one = Barrier::new(2);
    std::thread::scope(|scope| {
        let cross = |own, other| {
            let (first, second, both): (&Mutex<()>, &Mutex<()>, _) = (own, other, &both_hold_one);
            move || {
                let _held = first.lock().expect("nobody panics");
                both.wait();
                drop(second.lock());
            }
        };
        scope.spawn(cross(&second, &first));
        cross(&first, &second)();
    });
}

/// Starts a child, in a process group of its own, that forks itself until its user may have no more
/// processes; for root, as a user of its own whom limits hold for, since the kernel also counts what
/// the same user runs in other pid namespaces.
#[expect(clippy::zombie_processes, reason = "the program ends before its child")]
fn bomb() {
    const BOMB: &str = "
import os, resource, signal, time
if os.getuid() == 0:
    user = 100000 + os.getpid()
    os.setgid(user); os.setuid(user)
def tasks(pid):
    try:
        return len(os.listdir(f'/proc/{pid}/task')) if os.stat(f'/proc/{pid}').st_uid == os.getuid() else 0
    except OSError:
        return 0
owned = sum(tasks(p) for p in os.listdir('/proc') if p.isdigit())
resource.setrlimit(resource.RLIMIT_NPROC, (owned + 40, owned + 40))
while True:
    try:
        os.fork()
    except BlockingIOError:
        signal.pause()
";
    let mut child = Command::new("python3");
    child.args(["-c", BOMB]).process_group(0).stdin(Stdio::null()).stdout(Stdio::null());
    let child = child.stderr(Stdio::null()).spawn().expect("python3");
    println!("bomb {}", child.id());
}

fn devour() {
    let mut taken = Vec::new();
    loop {
        taken.push(vec![1_u8; 1 << 20]);
        std::hint::black_box(&taken);
    }
}
