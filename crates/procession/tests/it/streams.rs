//! The standard streams of a child.

use crate::support::{DEADLINE, Directory, METHODS, alone, join, within};
use procession::{Child, JoinError, Process, Stdio};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Copies its standard input to its standard output, and says how much it was on the third.
fn copy() -> u64 {
    let count = io::copy(&mut io::stdin(), &mut io::stdout()).expect("both streams");
    eprintln!("{count} bytes");
    count
}

#[test]
fn what_a_constructor_has_said_in_the_fork_server_is_not_said_again_by_children() {
    alone(|| {
        hostile::keep_constructor();
        hostile::set_variable(hostile::SAYS, "said before main");
        let says = || println!("said by the child");
        let mut child = Process::new(says, ()).stdout(Stdio::Piped).start().expect("a child");
        let mut text = String::new();
        child.stdout.take().expect("a pipe").read_to_string(&mut text).expect("its output");
        join(child).expect("a value");
        assert_eq!(text, "said by the child\n");
    });
}

#[test]
fn piped_streams_are_fields_of_the_child() {
    for method in METHODS {
        let plan = Process::new(copy, ()).start_method(method).stdin(Stdio::Piped);
        let mut child = plan.stdout(Stdio::Piped).stderr(Stdio::Piped).start().expect("a child");
        let mut input = child.stdin.take().expect("its input");
        let mut output = child.stdout.take().expect("its output");
        let mut errors = child.stderr.take().expect("its errors");
        let (said, complained) = within("the copy", move || {
            input.write_all(b"through and back").expect("the pipe");
            drop(input);
            let (mut said, mut complained) = (String::new(), String::new());
            output.read_to_string(&mut said).expect("its output");
            errors.read_to_string(&mut complained).expect("its errors");
            (said, complained)
        });
        assert_eq!((said.as_str(), complained.as_str()), ("through and back", "16 bytes\n"));
        assert_eq!(join(child).expect("a count"), 16, "{method}");
    }
}

#[test]
fn joining_closes_the_input_and_drains_the_outputs() {
    const MUCH: usize = 8 << 20;
    let flood = || {
        let mut rest = Vec::new();
        io::stdin().read_to_end(&mut rest).expect("an end");
        let line = [b'.'; 4096];
        for _ in 0..MUCH / line.len() {
            io::stdout().write_all(&line).expect("room");
            io::stderr().write_all(&line).expect("room");
        }
        rest.len()
    };
    for method in METHODS {
        let plan = Process::new(flood, ()).start_method(method).stdin(Stdio::Piped);
        let child = plan.stdout(Stdio::Piped).stderr(Stdio::Piped).start().expect("a child");
        assert_eq!(join(child).expect("a count"), 0, "{method}");
    }
}

#[test]
fn null_streams_are_empty_and_take_everything() {
    for method in METHODS {
        let plan = Process::new(copy, ()).start_method(method).stdin(Stdio::Null);
        let child = plan.stdout(Stdio::Null).stderr(Stdio::Null).start().expect("a child");
        assert!(child.stdin.is_none() && child.stdout.is_none() && child.stderr.is_none());
        assert_eq!(join(child).expect("a count"), 0, "{method}");
    }
}

#[test]
fn a_stream_may_be_a_file_or_a_socket() {
    let place = Directory::new("streams");
    for method in METHODS {
        let path = place.0.join(method.to_string());
        let (mut here, there) = UnixStream::pair().expect("a pair");
        let plan = Process::new(copy, ()).start_method(method).stdin(OwnedFd::from(there));
        let plan = plan.stdout(File::create(&path).expect("a file")).stderr(Stdio::Null);
        let child = plan.start().expect("a child");
        here.write_all(b"into the file").expect("the socket");
        drop(here);
        assert_eq!(join(child).expect("a count"), 13, "{method}");
        assert_eq!(std::fs::read_to_string(&path).expect("the file"), "into the file");
    }
}

#[test]
fn inherited_streams_are_the_parents_present_ones() {
    alone(|| {
        let place = Directory::new("inherited");
        let own = io::stdout().as_fd().try_clone_to_owned().expect("a duplicate");
        for method in METHODS {
            let start = || Process::new(|| println!("heard"), ()).start_method(method).start();
            join(start().expect("a child")).expect("it ends");
            let path = place.0.join(method.to_string());
            let file = File::create(&path).expect("a file");
            rustix::stdio::dup2_stdout(&file).expect("redirected");
            let child = start();
            rustix::stdio::dup2_stdout(&own).expect("as before");
            join(child.expect("a child")).expect("it ends");
            let heard = std::fs::read_to_string(&path).expect("the file");
            assert_eq!(heard, "heard\n", "{method}: without a newline at its exit too");
        }
    });
}

#[test]
fn what_a_child_printed_is_flushed_at_its_end() {
    for method in METHODS {
        let print = || print!("no newline");
        let plan = Process::new(print, ()).start_method(method).stdout(Stdio::Piped);
        let mut child = plan.start().expect("a child");
        let mut output = child.stdout.take().expect("its output");
        let text = within("its output", move || io::read_to_string(&mut output).expect("text"));
        assert_eq!(text, "no newline", "{method}");
        join(child).expect("it ends");
    }
}

#[test]
fn children_start_where_the_parent_has_closed_its_standard_streams() {
    alone(|| {
        let own = [io::stdin().as_fd(), io::stdout().as_fd(), io::stderr().as_fd()]
            .map(|stream| stream.try_clone_to_owned().expect("a duplicate"));
        for number in 0..=2 {
            hostile::close(number).expect("closed");
        }
        let results = METHODS.map(|method| {
            let copied = || {
                let count = copy();
                println!("to nobody");
                let child = Process::new(copy, ()).start().expect("a grandchild");
                (count, child.join().expect("a count"))
            };
            let child = Process::new(copied, ()).start_method(method).start();
            child.map_err(|error| error.to_string()).map(join)
        });
        // So that a failure can be read.
        rustix::stdio::dup2_stdin(&own[0]).expect("as before");
        rustix::stdio::dup2_stdout(&own[1]).expect("as before");
        rustix::stdio::dup2_stderr(&own[2]).expect("as before");
        for result in results {
            assert_eq!(result.expect("a child").expect("counts"), (0, 0));
        }
    });
}

#[test]
fn a_child_that_breaks_its_own_streams_still_gives_its_value() {
    let break_them = || {
        print!("never seen");
        (0..=2).filter(|&number| hostile::close(number).is_ok()).count()
    };
    for method in METHODS {
        let child = Process::new(break_them, ()).start_method(method).start().expect("a child");
        assert_eq!(join(child).expect("a count"), 3, "{method}");
    }
}

#[test]
fn the_last_words_on_a_piped_stderr_are_part_of_the_error() {
    let complain = || {
        for number in 0..1000 {
            eprintln!("complaint {number}");
        }
        std::process::exit(4)
    };
    for method in METHODS {
        let plan: Process<()> = Process::new(complain, ()).name("crank").start_method(method);
        let child = plan.stderr(Stdio::Piped).start().expect("a child");
        let id = child.id();
        let error = join(child).expect_err("it exited");
        let words = "exited with code 4 before it gave a value; its last words on standard error:";
        let lines: Vec<String> =
            (995..1000).map(|number| format!("\n  complaint {number}")).collect();
        let lines = lines.concat();
        assert_eq!(error.to_string(), format!("process `crank` (pid {id}) {words}{lines}"));
        assert!(error.stderr().ends_with("complaint 999\n"), "{method}");
    }
}

#[test]
fn stopping_ends_a_process_that_writes_without_end() {
    let write = || {
        hostile::ignore(15).expect("ignored");
        let block = vec![b'x'; 1 << 20];
        while io::stdout().write_all(&block).is_ok() {}
    };
    let child = Process::new(write, ()).stdout(Stdio::Piped).start().expect("a child");
    let grace = Duration::from_millis(20);
    let error = within("its end", move || child.stop(grace).expect_err("no value"));
    assert!(matches!(error.signal(), Some(9 | 15)), "{error}");
}

/// A call that joins a child within a time limit.
type TimedJoin = fn(&mut Child<u32>) -> Result<Option<u32>, JoinError>;

/// Every call that joins a child within a time limit, each until the child is gone.
const TIMED_JOINS: [(&str, TimedJoin); 3] = [
    ("try_join", |child| {
        loop {
            match child.try_join() {
                Ok(None) => std::thread::yield_now(),
                joined => return joined,
            }
        }
    }),
    ("join_timeout", |child| child.join_timeout(DEADLINE)),
    ("join_deadline", |child| child.join_deadline(Instant::now() + DEADLINE)),
];

/// Prints more than two pipes hold, and ends with this code or gives the value 7.
fn print_much(code: i32) -> u32 {
    for number in 0..10_000 {
        println!("result {number}");
        eprintln!("complaint {number}");
    }
    if code == 0 { 7 } else { std::process::exit(code) }
}

#[test]
fn joining_within_a_time_limit_drains_the_outputs_too() {
    for (name, timed_join) in TIMED_JOINS {
        let plan = Process::new(print_much, (0,)).stdin(Stdio::Piped);
        let mut child = plan.stdout(Stdio::Piped).stderr(Stdio::Piped).start().expect("a child");
        let child = within(name, move || {
            let joined = timed_join(&mut child);
            assert_eq!(joined.expect("a value"), Some(7), "{name}");
            child
        });
        assert!(child.stdout.is_none() && child.stderr.is_none(), "{name} has taken them");
        assert!(child.stdin.is_some(), "{name} leaves the input open");
    }
}

#[test]
fn joining_within_a_time_limit_keeps_the_last_words() {
    for (name, timed_join) in TIMED_JOINS {
        let plan = Process::new(print_much, (4,)).stdout(Stdio::Piped);
        let mut child = plan.stderr(Stdio::Piped).start().expect("a child");
        let error = within(name, move || timed_join(&mut child).expect_err("it exited"));
        assert!(error.stderr().ends_with("complaint 9999\n"), "{name}: {error}");
    }
}

#[test]
fn an_output_that_is_taken_stays_with_its_taker_when_the_child_is_joined_in_time() {
    for (name, timed_join) in TIMED_JOINS {
        let say = || {
            println!("for the taker");
            7
        };
        let mut child = Process::new(say, ()).stdout(Stdio::Piped).start().expect("a child");
        let output = child.stdout.take().expect("its output");
        let value = within(name, move || timed_join(&mut child).expect("a value"));
        assert_eq!(value, Some(7), "{name}");
        assert_eq!(io::read_to_string(output).expect("its output"), "for the taker\n", "{name}");
    }
}

#[test]
fn stopping_keeps_the_last_words() {
    let complain = || -> () {
        eprintln!("a last word");
        println!("it is said");
        loop {
            std::thread::park();
        }
    };
    let plan = Process::new(complain, ()).stdout(Stdio::Piped).stderr(Stdio::Piped);
    let mut child = plan.start().expect("a child");
    let mut said = [0];
    child.stdout.as_mut().expect("its output").read_exact(&mut said).expect("its output");
    let error = within("its end", move || child.stop(DEADLINE).expect_err("it was terminated"));
    assert_eq!((error.signal(), error.stderr()), (Some(15), "a last word\n"));
}

#[test]
fn a_process_that_never_stops_to_print_holds_up_no_call_with_a_deadline() {
    let flood = || -> () {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| while io::stderr().write_all(&[b'.'; 512]).is_ok() {});
            }
        });
    };
    let mut child = Process::new(flood, ()).stderr(Stdio::Piped).start().expect("a child");
    let child = within("calls with a deadline", move || {
        for _ in 0..100 {
            let joined = child.join_timeout(Duration::from_millis(1)).expect("no ending yet");
            assert_eq!(joined, None);
        }
        child
    });
    child.kill().expect("SIGKILL");
    assert_eq!(join(child).expect_err("it was killed").signal(), Some(9));
}

#[cfg(feature = "tokio")]
#[tokio::test]
async fn awaiting_a_child_drains_its_outputs_and_keeps_the_last_words() {
    for code in [0, 4] {
        let plan = Process::new(print_much, (code,)).stdin(Stdio::Piped);
        let mut child = plan.stdout(Stdio::Piped).stderr(Stdio::Piped).start().expect("a child");
        let joined = tokio::time::timeout(DEADLINE, &mut child).await.expect("its end");
        match joined {
            Ok(value) => assert_eq!((value, code), (7, 0)),
            Err(error) => assert!(error.stderr().ends_with("complaint 9999\n"), "{error}"),
        }
    }
}

#[cfg(feature = "tokio")]
#[tokio::test]
async fn awaiting_a_child_as_a_whole_closes_its_input() {
    let read = || io::copy(&mut io::stdin(), &mut io::sink()).expect("its input");
    let child = Process::new(read, ()).stdin(Stdio::Piped).start().expect("a child");
    let joined = tokio::time::timeout(DEADLINE, child).await.expect("its end");
    assert_eq!(joined.expect("a count"), 0);
}
