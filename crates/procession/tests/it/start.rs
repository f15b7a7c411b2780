//! What can be started as a process, and from where.

use crate::support::{METHODS, alone, join, line, server_of, stay, tell, within};
use procession::{Child, Fd, Function, Process, Run, StartMethod, Value, current};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Read;
use std::iter::Sum;
use std::os::unix::net::UnixStream;

fn own_id() -> u32 {
    std::process::id()
}

#[test]
fn a_function_runs_in_a_process_of_its_own() {
    for method in METHODS {
        let child = Process::new(own_id, ()).start_method(method).start().expect("a child");
        let id = child.id();
        assert_ne!(id, own_id());
        assert_eq!(join(child).expect("its id"), id, "{method}");
    }
}

#[test]
fn the_main_thread_of_a_child_is_the_process_itself() {
    let threads = || {
        let path = std::fs::read_link("/proc/thread-self").expect("this thread");
        path.to_string_lossy().into_owned()
    };
    for method in METHODS {
        let child = Process::new(threads, ()).start_method(method).start().expect("a child");
        let id = child.id();
        assert_eq!(join(child).expect("a path"), format!("{id}/task/{id}"), "{method}");
    }
}

#[test]
fn a_closure_that_captures_nothing_is_a_process() {
    for method in METHODS {
        let twice = |n: i64| n * 2;
        let child = Process::new(twice, (-21,)).start_method(method).start().expect("a child");
        assert_eq!(join(child).expect("a number"), -42, "{method}");
    }
}

fn total<T: Sum<T>>(numbers: Vec<T>) -> T {
    numbers.into_iter().sum()
}

#[test]
fn a_generic_function_is_one_process_per_type() {
    for method in METHODS {
        let whole = Process::new(total::<u64>, (vec![1, 2, 3],)).start_method(method);
        let real = Process::new(total::<f64>, (vec![0.5, 0.25],)).start_method(method);
        let (whole, real) = (whole.start().expect("a child"), real.start().expect("a child"));
        assert_eq!(join(whole).expect("a sum"), 6);
        assert!((join(real).expect("a sum") - 0.75).abs() < f64::EPSILON);
    }
}

trait Shape {
    fn area(side: u32) -> u32;
}

struct Square;
struct Line;

impl Shape for Square {
    fn area(side: u32) -> u32 {
        side * side
    }
}

impl Shape for Line {
    fn area(_side: u32) -> u32 {
        0
    }
}

fn area_of<S: Shape + 'static>(side: u32) -> u32 {
    S::area(side)
}

#[test]
fn a_traits_associated_function_is_a_process_also_through_generic_code() {
    for method in METHODS {
        let started = [
            Process::new(<Square as Shape>::area, (7,)).start_method(method).start(),
            Process::new(area_of::<Square>, (8,)).start_method(method).start(),
            Process::new(area_of::<Line>, (9,)).start_method(method).start(),
        ];
        let areas = started.map(|child| join(child.expect("a child")).expect("an area"));
        assert_eq!(areas, [49, 64, 0], "{method}");
    }
}

/// A library's own way to start what it is given.
fn started_by_a_library<F, A>(function: F, arguments: A, method: StartMethod) -> Child<F::Output>
where
    F: Function<A, Output: Value>,
    A: procession::Arguments,
{
    Process::new(function, arguments).start_method(method).start().expect("a child")
}

#[test]
fn functions_of_other_crates_and_those_handed_to_generic_code_are_processes() {
    for method in METHODS {
        let power = started_by_a_library(u64::pow, (2, 40), method);
        let length = started_by_a_library(str::len, ("four",), method);
        let closure = started_by_a_library(|a: u8, b: u8| a.max(b), (3, 5), method);
        assert_eq!(join(power).expect("a power"), 1 << 40);
        assert_eq!(join(length).expect("a length"), 4);
        assert_eq!(join(closure).expect("the greater"), 5);
    }
}

#[test]
fn a_function_takes_none_to_eight_arguments() {
    type B = u8;
    for method in METHODS {
        let children = [
            Process::new(|| vec![0_u8; 0], ()).start_method(method).start(),
            Process::new(|a: B| vec![a], (1,)).start_method(method).start(),
            Process::new(|a: B, b: B| vec![a, b], (1, 2)).start_method(method).start(),
            Process::new(|a: B, b: B, c: B| vec![a, b, c], (1, 2, 3)).start_method(method).start(),
            Process::new(|a: B, b: B, c: B, d: B| vec![a, b, c, d], (1, 2, 3, 4))
                .start_method(method)
                .start(),
            Process::new(|a: B, b: B, c: B, d: B, e: B| vec![a, b, c, d, e], (1, 2, 3, 4, 5))
                .start_method(method)
                .start(),
            Process::new(
                |a: B, b: B, c: B, d: B, e: B, f: B| vec![a, b, c, d, e, f],
                (1, 2, 3, 4, 5, 6),
            )
            .start_method(method)
            .start(),
            Process::new(
                |a: B, b: B, c: B, d: B, e: B, f: B, g: B| vec![a, b, c, d, e, f, g],
                (1, 2, 3, 4, 5, 6, 7),
            )
            .start_method(method)
            .start(),
            Process::new(
                |a: B, b: B, c: B, d: B, e: B, f: B, g: B, h: B| vec![a, b, c, d, e, f, g, h],
                (1, 2, 3, 4, 5, 6, 7, 8),
            )
            .start_method(method)
            .start(),
        ];
        for (count, child) in (0_u8..).zip(children) {
            let given = join(child.expect("a child")).expect("its arguments");
            assert_eq!(given, (1..=count).collect::<Vec<_>>(), "{method}");
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Part {
    Nothing,
    Letter(char),
    Pair { left: i128, right: Box<Part> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    unit: (),
    flag: bool,
    small: i8,
    real: f32,
    text: String,
    bytes: Vec<u8>,
    maybe: Option<[Option<u16>; 2]>,
    map: BTreeMap<String, Vec<(u32, f64)>>,
    parts: [Part; 3],
    result: Result<u8, String>,
}

#[test]
fn arguments_of_many_types_arrive_as_they_were_given_and_come_back() {
    let everything = Everything {
        unit: (),
        flag: true,
        small: i8::MIN,
        real: f32::MIN_POSITIVE,
        text: "naïve \0 text ☃".to_owned(),
        bytes: (0..=255).collect(),
        maybe: Some([None, Some(0)]),
        map: [("key".to_owned(), vec![(u32::MAX, f64::MAX), (0, -0.0)])].into(),
        parts: [
            Part::Nothing,
            Part::Letter('ß'),
            Part::Pair { left: i128::MIN, right: Box::new(Part::Letter('x')) },
        ],
        result: Err("no".to_owned()),
    };
    let same = |given: Everything, count: usize, text: String| (given, count, text);
    for method in METHODS {
        let arguments = (everything.clone(), usize::MAX, String::new());
        let child = Process::new(same, arguments.clone()).start_method(method).start();
        assert_eq!(join(child.expect("a child")).expect("the same"), arguments, "{method}");
    }
}

#[test]
fn arguments_may_be_borrowed_for_ever() {
    fn longest(left: &'static str, right: &'static str, bytes: &'static [u8]) -> (String, usize) {
        // They are good for as long as the process lives, in any thread of it.
        let thread =
            std::thread::spawn(move || if left.len() > right.len() { left } else { right });
        (thread.join().expect("a thread").to_owned(), bytes.len())
    }
    for method in METHODS {
        let arguments = ("short", "the longer one", &[1, 2, 3][..]);
        let child = Process::new(longest, arguments).start_method(method).start().expect("a child");
        assert_eq!(join(child).expect("words"), ("the longer one".to_owned(), 3), "{method}");
    }
}

#[derive(Serialize, Deserialize)]
struct Greeter {
    greeting: String,
    times: usize,
}

impl Run for Greeter {
    type Output = Vec<String>;

    fn run(self) -> Vec<String> {
        vec![self.greeting; self.times]
    }
}

#[test]
fn a_type_with_a_run_method_is_a_process() {
    let greeter = |times| Greeter { greeting: "hello".to_owned(), times };
    assert_eq!(join(greeter(2).start().expect("a child")).expect("greetings"), ["hello"; 2]);
    for method in METHODS {
        let child = Process::of(greeter(3)).name("greeter").start_method(method).start();
        let child = child.expect("a child");
        assert_eq!(child.name(), "greeter");
        assert_eq!(join(child).expect("greetings"), ["hello"; 3], "{method}");
    }
}

/// A type of the user's own whose field is its connection: it answers until nobody asks.
#[derive(Serialize, Deserialize)]
struct Upper {
    requests: Fd<UnixStream>,
}

impl Run for Upper {
    type Output = usize;

    fn run(mut self) -> usize {
        let (mut byte, mut answered) = ([0], 0);
        while self.requests.read(&mut byte).expect("the connection") == 1 {
            byte[0].make_ascii_uppercase();
            std::io::Write::write_all(&mut *self.requests, &byte).expect("the connection");
            answered += 1;
        }
        answered
    }
}

#[test]
fn a_type_with_a_connection_in_its_fields_answers_requests() {
    for method in METHODS {
        let (mut here, there) = UnixStream::pair().expect("a pair");
        let child = Process::of(Upper { requests: Fd(there) }).start_method(method).start();
        let child = child.expect("a child");
        let answers = within("its answers", move || {
            let mut answer = [0];
            b"abc".map(|request| {
                std::io::Write::write_all(&mut here, &[request]).expect("a request");
                here.read_exact(&mut answer).expect("an answer");
                answer[0]
            })
        });
        assert_eq!(&answers, b"ABC");
        assert_eq!(join(child).expect("a count"), 3, "{method}");
    }
}

#[test]
fn an_argument_that_cannot_be_encoded_is_an_error_of_the_start() {
    #[derive(Deserialize)]
    struct Secret;

    impl Serialize for Secret {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("it must not be told"))
        }
    }

    for method in METHODS {
        let plan = Process::new(|_: Secret| (), (Secret,)).name("spy").start_method(method);
        let error = plan.start().expect_err("no child");
        assert!(error.is_encode());
        let text = format!("{error:?}");
        assert!(text.contains("`spy`") && text.contains("Secret"), "{text}");
    }
}

/// Starts a process on the level below, and says on the line when it has come and gone.
fn descend(levels: u32, method: StartMethod, mut line: Fd<UnixStream>) -> Vec<String> {
    tell(&mut line);
    let mut names = vec![current().name().to_owned()];
    if levels > 0 {
        let below = Fd(line.0.try_clone().expect("a duplicate"));
        let plan = Process::new(descend, (levels - 1, method, below)).start_method(method);
        names.extend(plan.start().expect("a child").join().expect("names"));
    }
    tell(&mut line);
    names
}

#[test]
fn processes_start_processes_two_levels_deep() {
    for method in METHODS {
        let (mut events, line) = line();
        let plan = Process::new(descend, (2, method, line)).name("top").start_method(method);
        let names = join(plan.start().expect("a child")).expect("names");
        assert_eq!(names[0], "top");
        let below = names[1].strip_prefix("Process-").expect("a number");
        assert_eq!(names[2], format!("Process-{below}:1"), "{names:?}");
        for step in 0..6 {
            events.wait(&format!("step {step} of three levels down and up"));
        }
        events.wait_for_end("three levels");
    }
}

#[test]
fn every_child_of_a_process_has_the_same_fork_server() {
    alone(|| {
        let parents = METHODS.map(|method| {
            let (mut events, line) = line();
            let child = Process::new(stay, (line,)).start_method(method).start().expect("a child");
            events.wait("a sleeper");
            let parent = server_of(&child);
            child.kill().expect("SIGKILL");
            join(child).expect_err("it was killed");
            parent
        });
        assert_eq!(parents[0], parents[1]);
        assert_ne!(parents[0], std::process::id());
    });
}
