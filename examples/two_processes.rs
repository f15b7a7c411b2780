//! Two functions run as two processes at the same time, and their values come back.
//!
//! `cargo run --release --example two_processes -- [DIR]`
//!
//! They take no arguments: a process has the environment and working directory of the program that
//! started it, or others that its plan names, as here.

use procession::Process;
use std::error::Error;

#[path = "support/files.rs"]
mod files;
#[path = "support/words.rs"]
mod words;

use words::Count;

fn count_even_files() -> Count {
    words::count(files::files(".".into()).into_iter().step_by(2))
}

fn count_odd_files() -> Count {
    words::count(files::files(".".into()).into_iter().skip(1).step_by(2))
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let directory = files::directory();
    let even = Process::new(count_even_files, ()).current_dir(&directory).start()?;
    let odd = Process::new(count_odd_files, ()).current_dir(&directory).start()?;
    println!("main is pid {}", std::process::id());
    println!("`{}` is pid {} and counts every even file", even.name(), even.id());
    println!("`{}` is pid {} and counts every odd file", odd.name(), odd.id());

    let counts = [even.join()?, odd.join()?];
    println!("even:     {}", counts[0]);
    println!("odd:      {}", counts[1]);
    println!("together: {}", counts.into_iter().sum::<Count>());
    Ok(())
}
