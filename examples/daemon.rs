//! A daemon: it beats while main works, and is gone when main is.
//!
//! `cargo run --release --example daemon -- [DIR]`
//!
//! Main does not end it. It would be gone as well if main had panicked or been killed.

use procession::{Process, Stdio};
use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::time::Duration;

#[path = "support/files.rs"]
mod files;
#[path = "support/words.rs"]
mod words;

/// Beats for ever, whether anybody listens or not. Here a beat is a line; it could be a message to
/// a monitor.
fn beat(every: Duration) {
    for beat in 1_u64.. {
        let _ = writeln!(std::io::stdout(), "beat {beat}");
        std::thread::sleep(every);
    }
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let every = Duration::from_millis(20);
    let plan = Process::new(beat, (every,)).name("heart").daemon(true).stdout(Stdio::Piped);
    let mut heart = plan.start()?;
    println!("main is pid {}, its daemon `heart` is pid {}", std::process::id(), heart.id());

    let beats = heart.stdout.take().ok_or("the daemon's output is piped")?;
    for beat in BufReader::new(beats).lines().take(3) {
        let count = words::count(files::files(files::directory()));
        println!("main heard {}, and counted {count}", beat?);
    }
    println!("main ends");
    Ok(())
}
