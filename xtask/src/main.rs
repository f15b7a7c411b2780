//! The project's own commands: `cargo xtask test | ci | tidy | deep | conformance | values`.
//!
//! This room reads the command line and hands over to the room named after the command; it
//! decides nothing else. A command that is not green ends with exit code 1 and says why on
//! standard error; a command line that cannot be read ends with 2.

mod ci;
mod clients;
mod conformance;
mod deep;
mod floors;
mod line;
mod machine;
mod names;
mod problem;
mod sources;
mod test;
mod tidy;
mod tree;
mod values;

use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask COMMAND

  test                      install what this machine lacks, then run every test
  ci                        format, clippy, documentation, tidy, then `test`
  tidy                      floors, circles, opening comments, links, words, promises, sizes
  conformance               rows of docs/conformance.md: shown, by construction, differs, missing
  deep [--list] [--seconds N] [STEP...]
                            the long steps: build matrix, oldest toolchain, miri, fuzzing
  values write              write the checked-in types with which the value format is tested
  values print [--seed N] [--types N]
                            print the types of a seed
  values [--seed N] [--types N] [--seconds N]
                            compile and send new types in rounds, at least one
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask has a parent folder");
    let outcome = match words.as_slice() {
        ["test"] => test::run(root),
        ["ci"] => ci::run(root),
        ["tidy"] => tidy::run(root),
        ["conformance"] => conformance::run(root),
        ["deep", rest @ ..] => deep::run(root, rest),
        ["values", rest @ ..] => values::run(root, rest),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
