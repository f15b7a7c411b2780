//! A monitor that wants a token of those who report.

use crate::harness::{Program, configuration};
use crate::support::Monitor;
use procession_monitor::{Config, Scope};

#[test]
fn a_program_takes_its_token_from_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let tokens = vec![("in a file only".into(), Scope::Beat, None)];
    let settings = Config { open: false, tokens, ..configuration(directory.path()) };
    let monitor = Monitor::start(settings);
    let file = directory.path().join("token");
    std::fs::write(&file, "in a file only\n").unwrap();
    let mut program = Program::start(&monitor.url, &["--token-file", file.to_str().unwrap()]);
    program.does("delivery taken by the monitor");
}
