//! The kill campaigns of the example `orphans`, in short.

use super::host_program;
use std::process::Command;

#[test]
fn no_orphans_and_no_zombies_whoever_is_killed_and_when() {
    let output = Command::new(host_program()).args(["--rounds", "20"]).output();
    let output = output.expect("the host starts");
    let report = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{report}{errors}");
    let clean = report.matches("killed 20, orphans 0, zombies 0").count();
    assert_eq!(clean, 6, "one line for each campaign:\n{report}{errors}");
}
