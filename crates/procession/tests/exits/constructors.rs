//! Programs whose constructors start processes.

use super::{assert_nobody_is_left, host_program, run};
use std::process::Command;

#[test]
fn a_constructor_starts_processes_in_the_program_and_is_refused_in_its_servers_and_children() {
    let mut command = Command::new(host_program());
    command.args(["--case", "constructors"]).env("PROCESSION_TEST_CONSTRUCTORS", "0");
    let mut program = run(&mut command);
    assert_eq!(program.wait().code(), Some(0));
    let lines = program.all_lines();
    for right in ["first, depth 0: Ok(42)", "among others, depth 0: Ok(42)", "main: Ok(42)"] {
        assert_eq!(lines.iter().filter(|line| *line == right).count(), 1, "{right}: {lines:?}");
    }
    // Of the server, and of the child that runs the program afresh.
    for which in ["first", "among others"] {
        let refused = |line: &&String| {
            line.starts_with(&format!("{which}, depth ")) && line.contains(": refused: ")
        };
        let refused: Vec<_> = lines.iter().filter(refused).collect();
        assert_eq!(refused.len(), 2, "{lines:?}");
        assert!(refused.iter().all(|line| line.contains("`.init_array`")), "{refused:?}");
    }
    assert_eq!(lines.len(), 7, "{lines:?}");
    assert_nobody_is_left(&program);
}
