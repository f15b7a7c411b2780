//! Runs a command, and all that it starts, on a kernel that lacks a system call.
//!
//! `cargo run -p hostile --example without -- close_range cargo test -p procession`
//!
//! In: the name of the lack, a command. Out: the command itself, in this process's place.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [lack, program, arguments @ ..] = words.as_slice() else {
        let names = hostile::LACKS.map(|lack| lack.name).join(" | ");
        eprintln!("usage: without {names} COMMAND...");
        return ExitCode::from(2);
    };
    hostile::forbid(&[hostile::lack_of(lack)]).expect("a filter");
    eprintln!("{program}: {}", Command::new(program).args(arguments).exec());
    ExitCode::FAILURE
}
