//! What the compiler says of programs that cannot work.
//!
//! Each file in `messages/src/bin` is such a program. Its lines `//~ text` are the texts that the
//! compiler's output must have. The rest of the output is the compiler's own and changes with its
//! version.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The programs whose error comes only when code is generated.
const BUILT: [&str; 1] = ["await_without_feature"];

/// How many lines an error may have with all its notes: fewer than the 45 that serde's implementations
/// take.
const LONGEST: usize = 40;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/messages")
}

/// What cargo and the compiler say of this program, without progress and warnings of other crates.
fn output_of(program: &str) -> String {
    let command = if BUILT.contains(&program) { "build" } else { "check" };
    let output = Command::new(env!("CARGO"))
        .args([command, "--quiet", "--color=never", "--bin", program])
        .arg("--manifest-path")
        .arg(folder().join("Cargo.toml"))
        .arg("--target-dir")
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("messages"))
        .env_remove("RUSTFLAGS")
        .stdin(Stdio::null())
        .output()
        .expect("cargo");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{program} compiles: {text}");
    text
}

#[test]
fn programs_that_cannot_work_are_told_what_to_do() {
    let programs = std::fs::read_dir(folder().join("src/bin")).expect("the programs");
    let mut count = 0;
    for program in programs {
        let path = program.expect("a program").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let source = std::fs::read_to_string(&path).expect("the program");
        let expected: Vec<&str> =
            source.lines().filter_map(|line| line.strip_prefix("//~ ")).collect();
        assert!(!expected.is_empty(), "{name} expects nothing");
        let output = output_of(&name);
        for text in expected {
            assert!(output.contains(text), "{name}: no {text:?} in:\n{output}");
        }
        let errors = output.lines().filter(|line| line.starts_with("error")).count();
        let lines = output.lines().count();
        assert!(lines <= LONGEST * errors, "{name}: {lines} lines:\n{output}");
        count += 1;
    }
    assert_eq!(count, 10);
}
