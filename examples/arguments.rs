//! One function, two processes, different arguments.
//!
//! `cargo run --release --example arguments -- [DIR]`

use procession::Process;
use std::error::Error;
use std::path::PathBuf;

#[path = "support/files.rs"]
mod files;
#[path = "support/words.rs"]
mod words;

use words::Count;

/// Arguments are whatever serde can write; the text may be borrowed, as here.
fn count_share(greeting: &str, directory: PathBuf, share: usize, of: usize) -> Count {
    println!("{greeting} from pid {}: share {share} of {of}", std::process::id());
    words::count(files::files(directory).into_iter().skip(share).step_by(of))
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let directory = files::directory();
    let first = Process::new(count_share, ("hello", directory.clone(), 0, 2)).start()?;
    let second = Process::new(count_share, ("good day", directory, 1, 2)).start()?;

    let counts = [first.join()?, second.join()?];
    println!("share 0:  {}", counts[0]);
    println!("share 1:  {}", counts[1]);
    println!("together: {}", counts.into_iter().sum::<Count>());
    Ok(())
}
