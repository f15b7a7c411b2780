//! The peers: other programs that measure themselves.

use super::place::{self, Place};
use benches::Contestant;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Python's own.
pub(crate) fn python(
    what: &'static str,
    workload: &'static str,
    place: Place,
) -> Contestant<'static> {
    const SCRIPT: &str = include_str!("python.py");
    let path = std::env::temp_dir().join(format!("procession-cross-{}.py", std::process::id()));
    let name: &'static str = format!("Python multiprocessing {what}").leak();
    Contestant::new(name, 1, move || {
        std::fs::write(&path, SCRIPT).expect("a script");
        let mut command = Command::new("python3");
        command.arg(&path).arg(workload);
        let took = run(&mut command, place);
        std::fs::remove_file(&path).expect("the script");
        took
    })
}

/// Those of other crates.
pub(crate) fn peers(asked: bool, workload: &'static str, place: Place) -> Vec<Contestant<'static>> {
    let peers: &[&'static str] = match (asked, workload) {
        (false, _) => &[],
        (true, "numbers") => &["ipc-channel-shared", "ipc-channel"],
        (true, _) => &["ipc-channel", "iceoryx2"],
    };
    let program = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("peers/target/release/peers");
    let contestants = peers.iter().map(|&peer| {
        let program = program.clone();
        let name = match peer {
            "ipc-channel" => "ipc-channel 0.23, by value",
            "ipc-channel-shared" => "ipc-channel 0.23, shared memory",
            _ => "iceoryx2 0.10, looking all the time",
        };
        Contestant::new(name, 1, move || run(Command::new(&program).args([peer, workload]), place))
    });
    contestants.collect()
}

/// Runs a program that prints nanoseconds.
fn run(command: &mut Command, Place { here, there }: Place) -> Duration {
    place::free();
    command.args([here.to_string(), there.to_string()]).stderr(Stdio::inherit());
    let run = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let output = String::from_utf8(run.stdout).expect("a number");
    let nanoseconds = output.trim().parse();
    Duration::from_nanos(nanoseconds.unwrap_or_else(|_| panic!("{command:?} printed {output:?}")))
}
