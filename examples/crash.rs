//! Workers that crash, each in its own way: every one is named, and nobody else is harmed.
//!
//! `cargo run --release --example crash -- [DIR]`

use procession::{Limits, Process, Stdio};
use std::error::Error;
use std::path::PathBuf;

#[path = "support/files.rs"]
mod files;
#[path = "support/words.rs"]
mod words;

use words::Count;

fn count(directory: PathBuf) -> Count {
    words::count(files::files(directory))
}

/// Takes for granted that a text is a number.
fn panic() -> Count {
    Count { words: "twelve".parse().unwrap(), ..Count::default() }
}

/// Does what C libraries do when they find their memory damaged.
fn abort() -> Count {
    std::process::abort()
}

/// Ends its process on its own account, as programs do that find nothing to work on.
fn exit() -> Count {
    eprintln!("there is no such thing as a table of contents");
    std::process::exit(3)
}

/// Calls itself until its stack ends.
fn overflow() -> Count {
    fn deeper(depth: u64) -> u64 {
        let here = std::hint::black_box([depth; 128]);
        if here[0] == u64::MAX { 0 } else { deeper(here[1] + 1) + here[2] }
    }
    Count { words: deeper(1), ..Count::default() }
}

/// Keeps all that it ever had.
fn hoard() -> Count {
    let mut kept = Vec::new();
    loop {
        kept.push(vec![kept.len(); 1 << 16]);
    }
}

/// Never comes back; somebody will lose patience.
fn hang() -> Count {
    loop {
        std::thread::park();
    }
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    // The error has the message and the place: what panics print is not needed.
    let panic = Process::new(panic, ()).name("panic").stderr(Stdio::Null).start()?;
    // Nobody is to find core dumps of what crashes on purpose.
    let none = Limits::new().core_size(0);
    let abort = Process::new(abort, ()).name("abort").limits(none).start()?;
    // Piped and left alone, its last words become part of the error.
    let exit = Process::new(exit, ()).name("exit").stderr(Stdio::Piped).start()?;
    let overflow =
        Process::new(overflow, ()).name("overflow").limits(none).stderr(Stdio::Null).start()?;
    let little = none.memory(256 << 20);
    let hoard = Process::new(hoard, ()).name("hoard").limits(little).stderr(Stdio::Null).start()?;
    let hang = Process::new(hang, ()).name("hang").start()?;
    let steady = Process::new(count, (files::directory(),)).name("steady").start()?;

    hang.kill()?;
    for child in [panic, abort, exit, overflow, hoard, hang, steady] {
        let name = child.name().to_owned();
        match child.join() {
            Ok(count) => println!("process `{name}` found {count}"),
            Err(error) => println!("{error}"),
        }
    }
    Ok(())
}
