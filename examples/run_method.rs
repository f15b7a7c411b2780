//! Your own type is a process: its fields are the arguments, its `run` is the function.
//!
//! `cargo run --release --example run_method -- [DIR]`

use procession::{Failure, Process, Run};
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::path::PathBuf;

#[path = "support/files.rs"]
mod files;
#[path = "support/words.rs"]
mod words;

use words::Count;

/// Counts the words of the largest files of a directory.
#[derive(Serialize, Deserialize)]
struct WordCount {
    directory: PathBuf,
    largest: usize,
}

impl Run for WordCount {
    /// `Failure` takes any error, so that `?` works within.
    type Output = Result<Count, Failure>;

    fn run(self) -> Self::Output {
        let here = procession::current();
        let parent = procession::parent().map_or(0, procession::Parent::id);
        println!("I am `{}`, pid {}, child of pid {parent}", here.name(), here.id());

        std::fs::read_dir(&self.directory)?;
        let mut files = files::files(self.directory);
        files.sort_by_key(|path| path.metadata().map_or(0, |file| file.len()));
        Ok(words::count(files.into_iter().rev().take(self.largest)))
    }
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let directory = files::directory();

    // With the defaults of all options:
    let child = WordCount { directory: directory.clone(), largest: 10 }.start()?;
    let name = child.name().to_owned();
    println!("`{name}`: {}", child.join()??);

    // With the process's own options. A daemon would end with main; this one is joined before.
    let many = WordCount { directory, largest: 100 };
    let child = Process::of(many).name("counter").daemon(true).start()?;
    // The first `?` is for a process that gave no value, the second for the `Failure` it gave.
    println!("`counter`: {}", child.join()??);

    // A function that fails is no crash: its error comes back as its value.
    let nowhere = WordCount { directory: "/no/such/directory".into(), largest: 1 };
    if let Err(failure) = Process::of(nowhere).name("lost").start()?.join()? {
        println!("`lost`: {failure}");
    }
    Ok(())
}
