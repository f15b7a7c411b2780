//! Where the time of a start goes: its phases as its two processes see them, and what the kernel
//! takes for the parts of it.
//!
//! In: nothing. Out: tables. What always holds: the phases are those of real starts, told apart by
//! a clock that all processes share, which the started function reads too.

use benches::{Contestant, compare, median};
use procession::{Process, StartMethod};
use procession_sys::descriptor::{self, Standard};
use procession_sys::exit;
use procession_sys::fork::{Fork, fork};
use procession_sys::inherit;
use procession_sys::thread::SingleThreaded;
use procession_sys::wait::{self, Interest};
use rustix::process::{WaitOptions, waitpid};
use std::hint::black_box;
use std::os::fd::AsFd;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub(crate) fn print(rounds: usize) {
    println!("\n### Phases of a start, µs since its beginning\n");
    println!(
        "| | start() has returned | the function runs | its value is here | the process has ended | it is reaped and joined |"
    );
    println!("|---|---:|---:|---:|---:|---:|");
    phases("a spare ready, after 5 ms", StartMethod::ForkServer, Duration::from_millis(5));
    phases("back to back", StartMethod::ForkServer, Duration::ZERO);
    phases("`StartMethod::Spawn`", StartMethod::Spawn, Duration::ZERO);
    compare("What start() reads of this process, called alone", rounds, readings());
    compare("The kernel's part", rounds, kernel());
}

/// The time since 1970, by the clock that all processes share.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that is set")
}

/// Medians of many starts, half of them for the value and half to the end.
fn phases(name: &str, method: StartMethod, pause: Duration) {
    const STARTS: usize = 200;
    let mut phases: [Vec<Duration>; 5] = Default::default();
    let start = || {
        std::thread::sleep(pause);
        let began = now();
        (began, Process::new(now, ()).start_method(method).start().expect("a process"), now())
    };
    for _start in 0..STARTS {
        let (began, child, started) = start();
        let end = child.as_fd().try_clone_to_owned().expect("a pidfd");
        let called = child.value().expect("a value");
        let valued = now();
        wait::ready(&[(end.as_fd(), Interest::Readable)], None).expect("its end");
        for (phase, at) in phases.iter_mut().zip([started, called, valued]) {
            phase.push(at.saturating_sub(began));
        }
        let (began, child, _started) = start();
        wait::ready(&[(child.as_fd(), Interest::Readable)], None).expect("its end");
        let ended = now();
        child.join().expect("a value");
        for (phase, at) in phases[3..].iter_mut().zip([ended, now()]) {
            phase.push(at.saturating_sub(began));
        }
    }
    let medians = phases.map(|phase| format!("{:.1}", median(phase).as_secs_f64() * 1e6));
    println!("| {name} | {} |", medians.join(" | "));
}

/// Each is timed a hundred at once.
fn repeated(name: &'static str, once: impl Fn() + 'static) -> Contestant<'static> {
    const TIMES: u32 = 100;
    Contestant::new(name, 20, move || {
        let began = Instant::now();
        (0..TIMES).for_each(|_| once());
        began.elapsed() / TIMES
    })
}

fn readings() -> Vec<Contestant<'static>> {
    let streams = [Standard::Input, Standard::Output, Standard::Error];
    vec![
        repeated("file mode creation mask, and what the process may do", || {
            black_box(inherit::umask_and_standing().expect("a mask"));
        }),
        repeated("16 limits", || {
            black_box(inherit::limits());
        }),
        repeated("environment", || {
            black_box(std::env::vars_os().collect::<Vec<_>>());
        }),
        repeated("working directory, opened and closed", || {
            black_box(inherit::directory().expect("a directory"));
        }),
        repeated("three streams, duplicated and closed", move || {
            black_box(streams.map(descriptor::duplicate_standard));
        }),
        repeated("niceness and processors", || {
            black_box((inherit::nice().expect("nice"), inherit::affinity().expect("processors")));
        }),
    ]
}

fn kernel() -> Vec<Contestant<'static>> {
    const PAGES: u32 = 128;
    const PAGE: usize = 4096;
    let mut memory = vec![1_u8; PAGES as usize * PAGE];
    let mut write = move || memory.iter_mut().step_by(PAGE).for_each(|byte| *byte = black_box(2));
    vec![
        Contestant::new("fork, till it returns in the parent", 100, || forked(&mut || ()).0),
        Contestant::new("the child's _exit, till it is reaped", 100, || forked(&mut || ()).1),
        Contestant::new("one page that a child writes to first", 20, move || {
            let all = forked(&mut write).1;
            all.saturating_sub(forked(&mut || ()).1) / PAGES
        }),
        crate::bare_round_trip(),
    ]
}

/// A fork whose child does `work`: the time till it returns here, and from there to the end.
fn forked(work: &mut dyn FnMut()) -> (Duration, Duration) {
    let proof = SingleThreaded::prove().expect("one thread");
    let began = Instant::now();
    match fork(&proof).expect("a process") {
        Fork::Child => {
            work();
            exit::now(0)
        }
        Fork::Parent(child) => {
            let returned = began.elapsed();
            let child = rustix::process::Pid::from_raw(child.as_raw());
            waitpid(child, WaitOptions::empty()).expect("a status");
            (returned, began.elapsed().saturating_sub(returned))
        }
    }
}
