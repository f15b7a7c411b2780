//! The README's first steps, as they stand there.

use crate::support::said;
use std::path::Path;
use std::process::Command;

const README: &str = include_str!("../../../../README.md");
const PROGRAM: &str = include_str!("../../../../examples/ten_lines.rs");

#[test]
fn the_ten_lines_of_the_readme_report_to_the_monitor_of_the_readme() {
    let (_, lines) = PROGRAM.split_once("\n\n").expect("a heading, and the program");
    assert!(
        README.contains(&format!("```rust\n{lines}```")),
        "the README shows examples/ten_lines.rs"
    );
    let program = Path::new(env!("CARGO_BIN_EXE_procession")).with_file_name("examples/ten_lines");
    assert!(program.exists(), "{} is missing: cargo build --examples", program.display());
    // On a network of its own the monitor has its usual address; it ends with the shell.
    let steps = r#"
ip link set lo up && cd "$3" && mkfifo listening
"$1" monitor --open >listening 2>events & monitor=$!
trap 'kill $monitor' EXIT
trap 'exit 8' TERM
read -r url <listening && "$2" || exit 9
until "$1" status --filter stopped | grep ten_lines; do :; done
echo "$url"
"#;
    let directory = tempfile::tempdir().expect("a directory");
    let mut command = Command::new("timeout");
    command.args(["60", "unshare", "--map-root-user", "--net"]);
    command.args(["sh", "-c", steps, "sh", env!("CARGO_BIN_EXE_procession")]);
    let said = said(command.arg(program).arg(directory.path()).env("XDG_CONFIG_HOME", "/nowhere"));
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{}", said.out);
    for words in ["bytes\n", "stopped", "http://127.0.0.1:8420\n"] {
        assert!(said.out.contains(words), "{words}: {}", said.out);
    }
}
