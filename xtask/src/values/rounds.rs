//! `cargo xtask values`: writes the checked-in corpus, or runs new types in rounds.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use super::corpus::{SEED, TYPES, write};
use crate::line::Line;

const CORPUS: &str = "crates/values/src/corpus.rs";
/// Where the types of a round are written, relative to the repository.
const NEW: &str = "target/deep/values/corpus.rs";

/// What the words of the command ask for.
#[derive(Debug, PartialEq, Eq)]
enum Request {
    /// Write the checked-in corpus.
    Write,
    /// Print the types of a seed.
    Print { seed: u64, types: usize },
    /// Run rounds of new types for so long, the first from this seed.
    Rounds { time: Duration, seed: u64, types: usize },
}

/// Does what the words of the command ask for.
///
/// # Errors
///
/// Words that cannot be read, a file that cannot be written, or the first round that is red.
pub(crate) fn run(root: &Path, words: &[&str]) -> Result<(), Box<dyn Error>> {
    match parse(words)? {
        Request::Write => std::fs::write(root.join(CORPUS), write(SEED, TYPES))?,
        Request::Print { seed, types } => print!("{}", write(seed, types)),
        Request::Rounds { time, seed, types } => rounds(root, time, seed, types)?,
    }
    Ok(())
}

fn parse(words: &[&str]) -> Result<Request, String> {
    if words == ["write"] {
        return Ok(Request::Write);
    }
    let (mut time, mut seed, mut types) = (Duration::ZERO, new_seed(), TYPES);
    let print = words.first() == Some(&"print");
    for pair in words[usize::from(print)..].chunks(2) {
        let [word, number] = pair else { return Err(format!("`{}` wants a number", pair[0])) };
        let number: u64 = number.parse().map_err(|error| format!("{word} {number}: {error}"))?;
        match *word {
            "--seconds" => time = Duration::from_secs(number),
            "--seed" => seed = number,
            "--types" => types = usize::try_from(number).map_err(|error| error.to_string())?,
            other => return Err(format!("`{other}` is not known")),
        }
    }
    Ok(if print { Request::Print { seed, types } } else { Request::Rounds { time, seed, types } })
}

/// A seed that differs from run to run, short enough to be copied by hand.
fn new_seed() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    now.as_secs() % 1_000_000_000
}

/// At least one round; the next ones have the seeds that follow.
fn rounds(root: &Path, time: Duration, first: u64, types: usize) -> Result<(), Box<dyn Error>> {
    let began = Instant::now();
    let file = root.join(NEW);
    std::fs::create_dir_all(file.parent().expect("a folder"))?;
    let mut count = 0;
    for seed in first.. {
        println!("values: {types} types from seed {seed}");
        // An included file cannot open with a comment of its module.
        std::fs::write(&file, write(seed, types).replacen("//!", "//", 1))?;
        round(&file, seed).run(root).map_err(|error| {
            format!("{error}\nagain: cargo xtask values --seed {seed} --types {types}")
        })?;
        count += 1;
        if began.elapsed() >= time {
            break;
        }
    }
    println!("values: {count} rounds of {types} types, from seed {first}: all right");
    Ok(())
}

/// Compiles the types in `file` in place of the checked-in ones, and sends values of each.
fn round(file: &Path, seed: u64) -> Line {
    Line::of("cargo test --quiet --package values -- --nocapture")
        .env("CARGO_TARGET_DIR", "target/deep/values")
        .env("RUSTFLAGS", "--cfg procession_values")
        .env("PROCESSION_VALUES_FILE", file.display().to_string())
        .env("PROCESSION_VALUES_SEED", seed.to_string())
        .env("PROCESSION_ROUNDS", "200")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_say_which_types_and_for_how_long() {
        assert_eq!(parse(&["write"]), Ok(Request::Write));
        let request = parse(&["--seed", "7", "--types", "9", "--seconds", "3600"]);
        let time = Duration::from_secs(3600);
        assert_eq!(request, Ok(Request::Rounds { time, seed: 7, types: 9 }));
        assert_eq!(parse(&["print", "--seed", "7"]), Ok(Request::Print { seed: 7, types: TYPES }));
        assert!(parse(&["--seed"]).is_err());
        assert!(parse(&["--seed", "many"]).is_err());
        assert!(parse(&["--other", "1"]).is_err());
    }
}
