//! A producer, several readers, one consumer: files become words become a count.
//!
//! `cargo run --release --example pipeline -- [DIR]`

#![expect(clippy::needless_pass_by_value, reason = "a process owns its arguments")]

use procession::{Process, Receiver, Sender, StartError, bounded, channel};
use std::error::Error;
use std::path::PathBuf;

#[path = "support/files.rs"]
mod files;
#[path = "support/words.rs"]
mod words;

use words::Count;

const READERS: usize = 3;

/// Sends every path of a directory. When the readers are busy the channel is full, and it waits:
/// nothing piles up, however many files there are.
fn find(directory: PathBuf, paths: Sender<PathBuf>) {
    for path in files::files(directory) {
        if paths.send(path).is_err() {
            return; // no reader is left
        }
    }
}

/// Takes paths as long as there are some; each path goes to one reader.
fn read(paths: Receiver<PathBuf>, counts: Sender<Count>) {
    for path in &paths {
        let Ok(path) = path else { continue };
        if counts.send(words::count([path])).is_err() {
            return; // nobody wants to know
        }
    }
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let (paths, to_read) = bounded(16)?;
    let (counts, counted) = channel()?;
    let finder = Process::new(find, (files::directory(), paths)).name("finder").start()?;
    let readers = (0..READERS)
        .map(|_| Process::new(read, (to_read.clone(), counts.clone())).name("reader").start())
        .collect::<Result<Vec<_>, StartError>>()?;
    // Only the readers have these ends now, so the counts end with the last of them.
    drop((to_read, counts));

    let total: Count = counted.iter().sum::<Result<_, _>>()?;
    finder.join()?;
    for reader in readers {
        reader.join()?;
    }
    println!("{READERS} readers: {total}");
    Ok(())
}
