//! Programs that cannot start processes, and are told why.

use super::{assert_nobody_is_left, host_program, run};
use std::path::PathBuf;
use std::process::Command;

/// Runs a program that starts one process by each method, which says `why` not.
fn is_refused(command: &mut Command, why: &str) {
    let mut program = run(command);
    assert_eq!(program.wait().code(), Some(0));
    let lines = program.all_lines();
    let refused = lines.iter().filter(|line| line.contains(why)).count();
    assert_eq!((refused, lines.len()), (2, 2), "{lines:?}");
    assert_nobody_is_left(&program);
}

/// The host, in a namespace of mounts in which `change` has been done.
///
/// Where this kernel or this user may not make one, the test fails and says what `unshare` said.
fn remounted(change: &str) -> Command {
    let mut command = Command::new("unshare");
    let script = format!("{change} && exec \"$0\" --case refused");
    command.args(["--mount", "sh", "-c", &script]).arg(host_program());
    command
}

/// The loader that this program was given; none where it is static.
fn loader() -> Option<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("/proc is mounted");
    let paths = maps.lines().filter_map(|line| line.split_once('/'));
    let mut paths = paths.map(|(_, path)| PathBuf::from(format!("/{path}")));
    paths
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ld-")))
}

#[test]
fn a_program_without_proc_is_told_so() {
    // There may be several, one over another.
    let unmount = "while umount --lazy /proc 2> /dev/null; do :; done; test ! -e /proc/self";
    is_refused(&mut remounted(unmount), "is /proc mounted?");
}

#[test]
fn a_program_whose_fork_server_cannot_begin_is_told_why() {
    is_refused(&mut remounted("mount -t tmpfs none /dev"), "/dev/null: No such file");
}

#[test]
fn a_program_that_was_started_through_its_loader_is_told_so() {
    let Some(loader) = loader() else { return };
    let mut command = Command::new(loader);
    is_refused(command.arg(host_program()).args(["--case", "refused"]), "through its loader");
}
