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
