//! Each defence against orphans, taken away once: a campaign turns red for it and for no other
//! reason, since the same campaign is clean with the defence in place.

use crate::host_program::host_program;
use std::process::{Command, Output};

/// One round of a campaign, with so much patience that an orphan is certainly one.
fn campaign(name: &str, fault: &str, without: &str) -> (bool, String) {
    let mut command = Command::new(host_program());
    command.args(["--rounds", "1", "--patience", "5", name]);
    command.env("PROCESSION_FAULT", fault).env("PROCESSION_WITHOUT", without);
    let Output { status, stdout, stderr } = command.output().expect("the campaign starts");
    let (report, errors) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    (status.success(), format!("{report}{errors}"))
}

fn turns_red_without(defence: &str, name: &str, fault: &str) {
    let (clean, report) = campaign(name, fault, "");
    assert!(clean && report.contains("killed 1, orphans 0, zombies 0"), "with it: {report}");
    let (clean, report) = campaign(name, fault, defence);
    assert!(!clean && report.contains("killed 1, orphans "), "without it: {report}");
    assert!(!report.contains("orphans 0"), "without it: {report}");
    println!("without {defence}:\n{report}");
}

#[test]
fn without_the_parent_death_signal_daemons_outlive_a_killed_server() {
    turns_red_without("parent-death-signal", "server", "");
}

#[test]
fn without_a_pidfd_of_main_its_leaked_descriptors_hide_its_death() {
    turns_red_without("main-pidfd", "leaked-descriptors", "");
}

#[test]
fn without_a_server_that_kills_them_daemons_outlive_main() {
    turns_red_without("killing-daemons", "main", "");
}
