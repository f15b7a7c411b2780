//! Every cell of the table: each answer, none included, against each way of leaving, none included.

use super::*;
use crate::frame::Report;

/// Makes an answer of its reason.
type Wording = fn(String) -> Answer;

fn panic() -> Panic {
    let place = Some(("src/lib.rs".to_owned(), 3, 7));
    Panic { message: "boom".to_owned(), place, thread: Some("main".to_owned()), backtrace: None }
}

fn returned() -> Answer {
    let Ok(Report::Answer(answer)) = Report::read(Answer::returned(&42_u8)) else {
        unreachable!("a value's frame is an answer")
    };
    answer
}

/// An exit of code 0, one of code 3, SIGKILL, SIGSEGV with a core dump, lost.
fn exits() -> [Option<Exit>; 6] {
    let reaped = |raw| Some(Exit::Reaped(ExitStatus::from_raw(raw)));
    [None, reaped(0), reaped(3 << 8), reaped(9), reaped(0x80 | 0x0b), Some(Exit::Lost)]
}

#[test]
fn without_an_answer_the_way_of_leaving_decides() {
    let expected = [
        None,
        Some(Ending::Exited(0)),
        Some(Ending::Exited(3)),
        Some(Ending::Killed { signal: 9, core_dumped: false }),
        Some(Ending::Killed { signal: 11, core_dumped: true }),
        Some(Ending::Lost),
    ];
    for (exit, expected) in exits().into_iter().zip(expected) {
        let judged = verdict(None, exit).map(|ending| ending.expect_err("no value"));
        assert_eq!(judged, expected, "{exit:?}");
    }
}

#[test]
fn a_value_that_arrived_is_delivered_however_the_process_left() {
    for exit in exits() {
        let value = verdict(Some(returned()), exit).expect("a verdict").expect("a value");
        assert_eq!(value.decode::<u8>(), Ok(42), "{exit:?}");
    }
}

#[test]
fn any_other_answer_decides_however_the_process_left() {
    let text = || "why".to_owned();
    let cells: [(Wording, Ending); 6] = [
        (|_| Answer::Panicked(panic()), Ending::Panicked(panic())),
        (Answer::Refused, Ending::Refused(text())),
        (Answer::Unencodable, Ending::Undecodable(text())),
        (Answer::Garbled, Ending::Undecodable(text())),
        (|_| Answer::StackOverflow, Ending::StackOverflow),
        (|_| Answer::OutOfMemory, Ending::OutOfMemory),
    ];
    for (answer, expected) in cells {
        for exit in exits() {
            let judged = verdict(Some(answer(text())), exit).expect("a verdict");
            assert_eq!(judged.expect_err("no value"), expected, "{exit:?}");
        }
    }
}

#[test]
fn each_ending_reads_as_a_sentence_about_its_process() {
    let sentence = |ending| JoinError::new("crawler", 7, ending, b"").to_string();
    let expected = [
        (Ending::Panicked(panic()), "panicked at src/lib.rs:3:7: boom"),
        (Ending::Exited(0), "exited with code 0 before it gave a value"),
        (
            Ending::Killed { signal: 11, core_dumped: true },
            "was killed by signal 11 (SIGSEGV), core dumped",
        ),
        (Ending::Killed { signal: 40, core_dumped: false }, "was killed by signal 40 (real-time)"),
        (Ending::OutOfMemory, "aborted because memory could not be allocated"),
        (Ending::StackOverflow, "overflowed the stack of its main thread"),
        (Ending::Refused("no".into()), "did not call its function: no"),
        (Ending::Undecodable("no".into()), "gave a value that cannot be read: no"),
        (Ending::Lost, "is gone, and how it ended is lost with its fork server"),
        (Ending::NotStopped("no".into()), "could not be stopped and goes on: no"),
        (Ending::Taken, "was joined before, and its value was taken then"),
    ];
    for (ending, words) in expected {
        assert_eq!(sentence(ending), format!("process `crawler` (pid 7) {words}"));
    }
}

#[test]
fn the_last_lines_of_standard_error_are_part_of_the_words() {
    let stderr = b"1\n2\n3\n4\n5\n6\n";
    let error = JoinError::new("crawler", 7, Ending::Exited(1), stderr);
    let text = error.to_string();
    assert!(text.ends_with("standard error:\n  2\n  3\n  4\n  5\n  6"), "{text}");
    assert_eq!(error.stderr().lines().count(), 6);
}

#[test]
fn a_failure_is_the_source_of_the_error_that_names_the_process() {
    let failure = Failure::new("no such file").context("cannot read the list");
    let error = JoinError::new("crawler", 7, Ending::Failed(failure.clone()), b"last\n");
    let text = error.to_string();
    let words = "process `crawler` (pid 7) failed; its last words on standard error:\n  last";
    assert_eq!(text, words);
    let source = std::error::Error::source(&error).expect("a source");
    assert_eq!(source.to_string(), "cannot read the list");
    assert_eq!(error.failure(), Some(&failure));
    let shown = format!("{error:?}");
    assert!(shown.ends_with("caused by: cannot read the list: no such file"), "{shown}");
}
