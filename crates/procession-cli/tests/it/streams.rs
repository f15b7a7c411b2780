//! `procession run`: the program's output on streams that take it slowly, or not at all.

use crate::support::{Monitor, said};
use std::fs::File;
use std::io::Read;
use std::process::Stdio;

#[test]
fn a_full_disk_is_said_once_and_does_not_end_the_program() {
    let (monitor, directory) = (Monitor::open(), tempfile::tempdir().expect("a directory"));
    let done = directory.path().join("done");
    let script = format!("seq 1 100000; seq 1 100000; echo words >&2; touch {}", done.display());
    let full = File::options().write(true).open("/dev/full").expect("a full disk");
    let mut run = monitor.sh("full", &[], &script);
    let output = run.stdout(full).stderr(Stdio::piped()).output().expect("run");
    assert_eq!(output.status.code(), Some(0));
    assert!(done.exists(), "it has done its work");
    let err = String::from_utf8_lossy(&output.stderr);
    let lost = "procession run: standard output is lost from here: No space left on device";
    assert_eq!(err.matches(lost).count(), 1, "{err}");
    assert!(err.contains("words\n"), "{err}");
    assert_eq!(monitor.check("full").expect("reported")["state"], "up");
}

#[test]
fn a_pipe_that_does_not_wait_and_is_read_slowly_loses_nothing() {
    let monitor = Monitor::open();
    let flags = rustix::pipe::PipeFlags::CLOEXEC | rustix::pipe::PipeFlags::NONBLOCK;
    let (reading, writing) = rustix::pipe::pipe_with(flags).expect("a pipe");
    let mut run = monitor.sh("slow", &[], "seq 1 300000");
    let mut child = run.stdout(writing).spawn().expect("run");
    drop(run);
    let mut all = Vec::new();
    let mut reading = File::from(reading);
    loop {
        // Little at once, so that the pipe is full most of the time.
        let mut some = [0; 4096];
        match reading.read(&mut some) {
            Ok(0) => break,
            Ok(count) => all.extend_from_slice(&some[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                let source = std::os::fd::AsFd::as_fd(&reading);
                let waited = [(source, procession_sys::wait::Interest::Readable)];
                procession_sys::wait::ready(&waited, None).expect("a wait");
            }
            Err(error) => panic!("{error}"),
        }
    }
    let expected = (1..=300_000).map(|n| format!("{n}\n")).collect::<Vec<_>>().concat();
    assert!(all == expected.as_bytes(), "{} bytes of {}", all.len(), expected.len());
    assert_eq!(child.wait().expect("waited").code(), Some(0));
}

#[test]
fn the_output_of_a_program_that_joins_its_streams_passes() {
    let monitor = Monitor::open();
    let script = "exec 2>&1; echo out; exit 6";
    let told = said(&mut monitor.sh("joined", &[], script));
    assert_eq!((told.code, told.out.as_str()), (Some(6), "out\n"));
}

fn lines(numbers: std::ops::Range<u32>, of: impl Fn(u32) -> String) -> String {
    numbers.map(of).collect::<Vec<_>>().concat()
}

/// Runs a job that writes to both streams in turn; gives what is in this file then.
fn in_turn(stdout: File, stderr: File, path: &std::path::Path) -> String {
    let monitor = Monitor::open();
    let script = "i=0; while [ $i -lt 500 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done";
    let status = monitor.sh("turns", &[], script).stdout(stdout).stderr(stderr).status();
    assert_eq!(status.expect("run").code(), Some(0));
    std::fs::read_to_string(path).expect("a file")
}

#[test]
fn both_streams_in_one_file_keep_their_order() {
    let expected = lines(0..500, |n| format!("out {n}\nerr {n}\n"));
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("log");
    // As by `>log 2>&1`.
    let file = File::create(&path).expect("made");
    let told = in_turn(file.try_clone().expect("a copy"), file, &path);
    assert!(told == expected, "{told}");
    // As by `>>log 2>>log`.
    std::fs::write(&path, "").expect("emptied");
    let append = || File::options().append(true).open(&path).expect("opened");
    let told = in_turn(append(), append(), &path);
    assert!(told == expected, "{told}");
}

#[test]
fn both_streams_in_one_pipe_keep_their_order() {
    let monitor = Monitor::open();
    let run = monitor.sh("pipe", &[], "seq 1 200 | while read n; do echo $n; echo $n >&2; done");
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "\"$@\" 2>&1 | cat", "sh"]).arg(run.get_program()).args(run.get_args());
    shell.env("XDG_CONFIG_HOME", "/nowhere");
    let expected = lines(1..201, |n| format!("{n}\n{n}\n"));
    assert_eq!(said(&mut shell).out, expected);
}

#[test]
fn streams_in_files_of_their_own_stay_apart() {
    let directory = tempfile::tempdir().expect("a directory");
    let [out, err] = ["out", "err"].map(|name| directory.path().join(name));
    let create = |path| File::create(path).expect("made");
    let told = in_turn(create(&out), create(&err), &out);
    let all = |word: &str| lines(0..500, |n| format!("{word} {n}\n"));
    assert_eq!((told, std::fs::read_to_string(err).expect("a file")), (all("out"), all("err")));
}
