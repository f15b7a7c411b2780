//! A tour: every step of the way from a function to a process that crashes, on real files.
//!
//! `cargo run --release --example tour -- [DIR]`
//!
//! Each step is an example of its own, run here as it stands in its file. At the end a second
//! process checks from outside that nothing is left: no process, no shared memory, no temporary
//! file. The exit code is 0 only then.

#![allow(clippy::duplicate_mod, reason = "each step is an example that has all it needs")]

use procession::{Failure, Process, Stdio};
use std::error::Error;
use std::io::{BufRead, BufReader, Read};
use std::process::{ChildStderr, ExitCode};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

mod arguments;
mod crash;
mod daemon;
#[path = "support/files.rs"]
mod files;
mod join_all;
#[path = "support/leftovers.rs"]
mod leftovers;
mod run_method;
mod two_processes;

/// A piece of the way.
struct Step {
    title: &'static str,
    /// The example that it runs.
    file: &'static str,
    story: &'static str,
    walk: fn() -> Result<(), Box<dyn Error>>,
}

const STEPS: &[Step] = &[
    Step {
        title: "Two processes",
        file: "two_processes.rs",
        story: "\
`Process::new(function, ())` is a plan, `start()` makes it a process, `join()` waits for
its end and gives the function's value. Two processes count words at the same time.
There is nothing to set up in `main`: any function will do.",
        walk: two_processes::main,
    },
    Step {
        title: "The same with arguments",
        file: "arguments.rs",
        story: "\
Arguments are a tuple of whatever serde can write. One function, two processes, each
with a share of the files of its own.",
        walk: arguments::main,
    },
    Step {
        title: "One by one, then all at once",
        file: "join_all.rs",
        story: "\
A child that is joined at once leaves the other cores idle. Start all, then join all:
every handle gives its own value, whichever process is done first.",
        walk: join_all::main,
    },
    Step {
        title: "Your own type as a process",
        file: "run_method.rs",
        story: "\
A type with a `run` method is a process: its fields are the arguments. `name` and
`daemon` are options of the plan. An error that `run` returns comes back as its value.",
        walk: run_method::main,
    },
    Step {
        title: "A daemon",
        file: "daemon.rs",
        story: "\
A daemon works on its own, and is gone when its program is. Here the program of the
example is itself a process of this tour, so that you can see it end.",
        walk: daemon_of_two_programs,
    },
    Step {
        title: "Workers that crash",
        file: "crash.rs",
        story: "\
A process is a wall: whatever happens to a worker, `join` says who it was and how it
ended, and nobody else is harmed.",
        walk: crash::main,
    },
];

fn main() -> ExitCode {
    let walked = if leftovers::is_observed() { tour() } else { observed_tour() };
    match walked {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nThe tour failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn tour() -> Result<(), Box<dyn Error>> {
    let directory = files::directory();
    std::fs::read_dir(&directory)
        .map_err(|error| format!("{} cannot be read: {error}", directory.display()))?;
    let name = directory.display().to_string();
    println!("A tour of procession, on the {} files of {name}.", files::files(directory).len());
    println!("Every step is an example in the folder `examples`, run here as it stands there.");
    for (number, step) in (1..).zip(STEPS) {
        println!("\n{number}. {} ({})\n\n{}\n", step.title, step.file, step.story);
        let started = Instant::now();
        (step.walk)()?;
        println!("[{:.0?}]", started.elapsed());
    }
    Ok(())
}

/// The daemon's program twice: once it ends by itself, once it is killed.
fn daemon_of_two_programs() -> Result<(), Box<dyn Error>> {
    let program = || -> Result<(), Failure> { Ok(daemon::main()?) };
    let plan = || Process::new(program, ()).stdout(Stdio::Piped).stderr(Stdio::Piped);

    let mut first = plan().name("program").start()?;
    let said = BufReader::new(first.stdout.take().ok_or("the output is piped")?);
    let errors = first.stderr.take().ok_or("the errors are piped")?;
    let mut last_word = Instant::now();
    for line in said.lines() {
        println!("{}", line?);
        last_word = Instant::now();
    }
    all_gone(errors)?;
    first.join()??;
    println!("-> program and daemon are gone, {:.0?} after the last word", last_word.elapsed());

    println!("\nThe same again; as soon as the daemon beats, its program is killed (SIGKILL).\n");
    let mut second = plan().name("victim").start()?;
    let said = BufReader::new(second.stdout.take().ok_or("the output is piped")?);
    let errors = second.stderr.take().ok_or("the errors are piped")?;
    said.lines().take(2).try_for_each(|line| line.map(|line| println!("{line}")))?;
    second.kill()?;
    let killed = Instant::now();
    all_gone(errors)?;
    println!("-> program and daemon are gone, {:.0?} after the kill", killed.elapsed());
    match second.join() {
        Ok(_) => Err("the program ended before it could be killed".into()),
        Err(error) => {
            println!("-> {error}");
            Ok(())
        }
    }
}

/// Waits until nobody has the other end of this pipe, which a program hands down to its children:
/// then all of them are gone.
fn all_gone(mut errors: ChildStderr) -> Result<(), Box<dyn Error>> {
    const PATIENCE: Duration = Duration::from_secs(10);
    let (told, gone) = mpsc::channel();
    thread::spawn(move || told.send(errors.read_to_end(&mut Vec::new())));
    gone.recv_timeout(PATIENCE).map_err(|_| "the daemon has outlived its program")??;
    Ok(())
}

/// Runs the tour in a process that can be observed from outside, to the end of all that is its.
fn observed_tour() -> Result<(), Box<dyn Error>> {
    let left = leftovers::observe()?;
    if !left.status.success() {
        return Err(format!("its process ended with {}", left.status).into());
    }
    let (servers, later) = left.later;
    println!("\nWhat is left, as a second process sees it from outside\n");
    println!("The tour has ended; {servers} processes that served it were gone {later:.0?} later.");
    let processes = left.processes.join(", ");
    println!("processes:       {}", if processes.is_empty() { "none" } else { &processes });
    for (kind, entries) in
        [("shared memory:   ", &left.shared_memory), ("temporary files: ", &left.temporary)]
    {
        let names: Vec<String> = entries.iter().map(|path| path.display().to_string()).collect();
        println!("{kind}{}", if names.is_empty() { "none".to_owned() } else { names.join(", ") });
    }
    if left.processes.is_empty() && left.shared_memory.is_empty() && left.temporary.is_empty() {
        Ok(())
    } else {
        Err("something was left behind".into())
    }
}
