//! A program with a heartbeat that does as it is told: `heartbeat_program URL WORD…`.
//!
//! In: on standard input, a line for each step: `tick`, `note TEXT`, `goodbye [MS]`, and ends:
//! `return`, `exit N`, `panic`, `abort`, `exec`, `fork`. Out: `heart PID` once it has started its
//! heartbeat, `reported` once the monitor has taken a report, and `did LINE` after each step. What
//! always holds: it does nothing else.

use procession::{Delivery, Heartbeat, Life, Process, active_children};
use std::io::BufRead;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, abort, exit};
use std::thread::sleep;
use std::time::Duration;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some(url) = words.first() else {
        eprintln!("heartbeat_program URL [--stuck MS] [--linger MS] [--twice] [--wait]");
        return ExitCode::FAILURE;
    };
    let flag = |name: &str| words.iter().any(|word| word == name);
    let ms = |name: &str| {
        let value = words.iter().skip_while(|word| *word != name).nth(1);
        value.map(|value| Duration::from_millis(value.parse().expect("milliseconds")))
    };
    let life = start(url, "program", ms("--stuck"), ms("--linger"));
    if flag("--twice") {
        start(url, "second", None, None);
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

fn start(url: &str, name: &str, stuck: Option<Duration>, linger: Option<Duration>) -> Life {
    let mut heartbeat = Heartbeat::to(url)
        .name(name)
        .every(Duration::from_millis(300))
        .grace(Duration::from_secs(2))
        .label("group", "tests")
        .token("BEAT");
    if let Some(stuck) = stuck {
        heartbeat = heartbeat.stuck_after(stuck);
    }
    if let Some(linger) = linger {
        heartbeat = heartbeat.linger(linger);
    }
    heartbeat.start().expect("a heartbeat")
}

fn step(told: &str, life: &Life) {
    let (word, rest) = told.split_once(' ').unwrap_or((told, ""));
    match word {
        "tick" => life.tick(),
        "note" => life.note(rest),
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
