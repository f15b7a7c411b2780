//! A value together with all that its process has written.

use crate::support::{METHODS, alone, line, rounds, status, tell, within, within_minutes};
use procession::{Fd, Output, Process, Stdio};
use procession_sys::fork::{Fork, fork};
use procession_sys::thread::SingleThreaded;
use std::io::{Read, Write, stderr, stdout};
use std::os::unix::net::UnixStream;
use std::time::Duration;

fn piped<R: procession::Value>(plan: Process<R>) -> Process<R> {
    plan.stdout(Stdio::Piped).stderr(Stdio::Piped)
}

fn output<R: procession::Value + Send>(plan: Process<R>) -> Output<R> {
    let child = plan.start().expect("a child");
    within("its output", || child.join_with_output())
}

#[test]
fn the_output_comes_with_the_value() {
    let work = |text: String| {
        print!("to output: {text}");
        eprint!("to error: {text}");
        text.len()
    };
    for method in METHODS {
        let plan = Process::new(work, ("four".to_owned(),)).start_method(method);
        let Output { value, stdout, stderr, usage, .. } = output(piped(plan));
        assert_eq!(value.expect("a value"), 4, "{method}");
        assert_eq!(stdout, b"to output: four", "{method}");
        assert_eq!(stderr, b"to error: four", "{method}");
        assert!(usage.is_some_and(|usage| usage.max_rss() > 0), "{method}");
    }
}

#[test]
fn the_output_comes_with_the_error_too() {
    let work = || {
        print!("before the end");
        stdout().flush().expect("a pipe");
        eprintln!("last words");
        std::process::exit(4)
    };
    let plan: Process<()> = Process::new(work, ());
    let output = output(piped(plan));
    let error = output.value.expect_err("it exited");
    assert_eq!((error.exit_code(), error.stderr()), (Some(4), "last words\n"));
    assert_eq!(
        (&output.stdout[..], &output.stderr[..]),
        (&b"before the end"[..], &b"last words\n"[..])
    );
}

#[test]
fn streams_that_are_not_piped_have_no_output() {
    let output = output(Process::new(|| (), ()).stderr(Stdio::Null));
    output.value.expect("a value");
    assert!(output.stdout.is_empty() && output.stderr.is_empty());
}

#[test]
fn hundreds_of_megabytes_on_both_streams_are_collected_in_any_order() {
    const BLOCK: usize = 1 << 20;
    const BLOCKS: usize = 200;
    let write = || {
        let block = vec![b'b'; BLOCK];
        for _ in 0..BLOCKS {
            stdout().write_all(&block).expect("a pipe");
        }
        for _ in 0..BLOCKS {
            stderr().write_all(&block).expect("a pipe");
        }
        (2 * BLOCKS * BLOCK) as u64
    };
    let child = piped(Process::new(write, ())).start().expect("a child");
    let output = within_minutes("all of it", || child.join_with_output());
    let written = output.value.expect("a value");
    assert_eq!((output.stdout.len() + output.stderr.len()) as u64, written);
    assert!(output.stdout.iter().chain(&output.stderr).all(|&byte| byte == b'b'));
}

#[test]
fn the_output_up_to_a_timeout_is_collected() {
    let write_for_ever = || {
        print!("first");
        loop {
            let _ = stdout().write_all(&[b'.'; 1000]);
        }
    };
    let plan: Process<()> = Process::new(write_for_ever, ());
    let output = output(piped(plan).timeout(Duration::from_millis(300)));
    assert!(output.value.expect_err("its time is over").is_timed_out());
    assert!(output.stdout.starts_with(b"first..."));
}

#[test]
fn a_descendant_that_keeps_the_pipe_holds_nobody_up() {
    let leave_a_copy = |mut line: Fd<UnixStream>| {
        let proof = SingleThreaded::prove().expect("one thread");
        if matches!(fork(&proof).expect("a fork"), Fork::Child) {
            tell(&mut line);
            let _ = line.read_to_end(&mut Vec::new());
            procession_sys::exit::now(0);
        }
        print!("from the process itself");
    };
    let (mut events, line) = line();
    let child = piped(Process::new(leave_a_copy, (line,))).start().expect("a child");
    events.wait("the copy");
    let output = within("the output", || child.join_with_output());
    output.value.expect("a value");
    assert_eq!(output.stdout, b"from the process itself");
}

#[test]
fn what_the_user_reads_himself_is_not_collected_again() {
    let work = || {
        print!("taken");
        eprint!("left");
    };
    let mut child = piped(Process::new(work, ())).start().expect("a child");
    let mut taken = String::new();
    let mut pipe = child.stdout.take().expect("it is piped");
    let output = within("the output", || child.join_with_output());
    pipe.read_to_string(&mut taken).expect("text");
    assert_eq!(
        (taken.as_str(), &output.stdout[..], &output.stderr[..]),
        ("taken", &b""[..], &b"left"[..])
    );
}

/// Writes so many MiB; gives their number.
fn write_much(megabytes: u64) -> u64 {
    let piece = vec![b'x'; 1 << 20];
    let mut out = stdout().lock();
    for _ in 0..megabytes {
        out.write_all(&piece).expect("its reader");
    }
    megabytes
}

/// The most memory that this process has had, in MiB.
fn peak() -> u64 {
    let text = status(std::process::id(), "VmHWM");
    let kilobytes: u64 = text.trim_end_matches(" kB").parse().expect("a number");
    kilobytes >> 10
}

#[test]
fn a_long_output_arrives_whole_and_takes_memory_of_its_own_length() {
    alone(|| {
        let megabytes = rounds(100);
        let before = peak();
        let plan = Process::new(write_much, (megabytes,)).stdout(Stdio::Piped);
        let output = plan.start().expect("a child").join_with_output();
        assert_eq!(output.value.expect("a value"), megabytes);
        let length = u64::try_from(output.stdout.len()).expect("a length");
        assert_eq!(length >> 20, megabytes);
        assert!(output.stdout.iter().all(|&byte| byte == b'x'), "other bytes came");
        let taken = peak() - before;
        println!("{megabytes} MiB of output took {taken} MiB");
        assert!(taken < megabytes + megabytes / 8 + 16, "{megabytes} MiB took {taken} MiB");
    });
}
