//! Processes joined one by one; then many started, and all joined.
//!
//! `cargo run --release --example join_all -- [DIR]`

use procession::{Child, Process, StartError};
use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

#[path = "support/files.rs"]
mod files;
#[path = "support/words.rs"]
mod words;

use words::Count;

const SHARES: usize = 8;

fn count_share(directory: PathBuf, share: usize) -> Count {
    words::count(files::files(directory).into_iter().skip(share).step_by(SHARES))
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let directory = files::directory();

    // One by one: the next starts when the one before is gone.
    let started = Instant::now();
    let mut one_by_one = Vec::new();
    for share in 0..SHARES {
        let child = Process::new(count_share, (directory.clone(), share)).start()?;
        one_by_one.push(child.join()?);
    }
    println!("{SHARES} processes one by one took {:.1?}", started.elapsed());

    // Many: all are started, then all are joined; their values come in the order of the joins.
    let started = Instant::now();
    let children = (0..SHARES)
        .map(|share| Process::new(count_share, (directory.clone(), share)).start())
        .collect::<Result<Vec<_>, StartError>>()?;
    let names: Vec<&str> = children.iter().map(Child::name).collect();
    println!("started {}", names.join(", "));
    let mut together = Vec::new();
    for child in children {
        together.push(child.join()?);
    }
    println!("{SHARES} processes at once took {:.1?}", started.elapsed());

    println!("one by one: {}", one_by_one.into_iter().sum::<Count>());
    println!("at once:    {}", together.into_iter().sum::<Count>());
    Ok(())
}
