//! The Python programs of `docs/from-python.md`, run by Python, and the same work done here: both
//! say the same.

#![expect(clippy::needless_pass_by_value, reason = "a process's function owns its arguments")]

use crate::support::{Directory, join, within_minutes};
use procession::connection::{Address, Connection, Listener, connect};
use procession::{
    Duplex, Job, Joinable, Process, Receiver, Select, Sender, Shared, SharedMemory, SharedSlice,
    channel, duplex,
};
use std::process::Command;

/// What the Python program under this heading of the document says, its lines sorted, since
/// processes that run at once speak in any order.
fn python(heading: &str) -> Vec<String> {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/from-python.md");
    let document = std::fs::read_to_string(document).expect("the document");
    let (_, section) = document.split_once(&format!("\n### {heading}\n")).expect("the heading");
    let (_, program) = section.split_once("```python\n").expect("a program");
    let (program, _) = program.split_once("```").expect("its end");
    let directory = Directory::new(&format!("python-{}", heading.len()));
    let file = directory.0.join("program.py");
    // Into a pipe, what processes print at once is mixed, unless each line is written in one piece.
    let lines = "import sys; sys.stdout.reconfigure(line_buffering=True)\n";
    std::fs::write(&file, [lines, program].concat()).expect("a file");
    let mut command = Command::new("python3");
    command.arg(&file).env_remove("PYTHONUNBUFFERED");
    let output = within_minutes(heading, move || command.output().expect("python3"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{heading}: {}\n{complaint}", output.status);
    sorted(String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned))
}

fn sorted(lines: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut lines: Vec<String> = lines.into_iter().collect();
    lines.sort();
    lines
}

#[test]
fn many_processes_say_the_same_as_pythons() {
    let square = |number: u64| number * number;
    let children: Vec<_> =
        (0..10).map(|number| Process::new(square, (number,)).start().expect("a child")).collect();
    let squares = children.into_iter().map(|child| join(child).expect("a square").to_string());
    assert_eq!(sorted(squares), python("Many, and all joined"));
}

#[test]
fn a_queue_whose_work_is_awaited_says_the_same_as_pythons() {
    fn work(jobs: Receiver<Job<String>>, counts: Sender<String>) {
        for job in &jobs {
            let path = job.expect("a path");
            let text = std::fs::read_to_string(&*path).expect("a file");
            counts.send(format!("{} {}", *path, text.lines().count())).expect("a listener");
            path.done();
        }
    }
    let (sender, receiver) = channel().expect("a channel");
    let (counts, counted) = channel().expect("a channel");
    for _ in 0..2 {
        let ends = (receiver.clone(), counts.clone());
        Process::new(work, ends).daemon(true).start().expect("a worker");
    }
    drop((receiver, counts));
    let mut jobs = Joinable::new(sender);
    for path in ["/proc/cpuinfo", "/proc/meminfo", "/proc/loadavg"] {
        jobs.send(path.to_owned()).expect("workers");
    }
    assert!(jobs.join().expect("a wait").is_empty());
    drop(jobs);
    let said: Result<Vec<String>, _> = counted.iter().collect();
    assert_eq!(sorted(said.expect("counts")), python("A queue whose work is awaited"));
}

#[test]
fn a_pipe_a_value_and_an_array_say_the_same_as_pythons() {
    fn work(pipe: Duplex<String, String>, total: Shared<i64>, squares: SharedSlice<i64>) {
        for (index, square) in (0..).zip((0..10).map(|number| number * number)) {
            squares.set(index, square);
        }
        total.update(|total| total + squares.iter().sum::<i64>());
        let name = pipe.receiver.recv().expect("a name");
        pipe.sender.send(format!("done, {name}")).expect("the parent listens");
    }
    let (here, there) = duplex().expect("a pipe");
    let total = Shared::new(0).expect("memory");
    let squares = SharedSlice::new(10).expect("memory");
    let child = Process::new(work, (there, total.clone(), squares.clone())).start();
    here.sender.send("friend".to_owned()).expect("the child listens");
    let said = here.receiver.recv().expect("an answer");
    join(child.expect("a child")).expect("it worked");
    let said = format!("{said} {} {:?}", total.get(), squares.to_vec());
    assert_eq!([said].as_slice(), python("Two-way, and shared memory"));
}

#[test]
fn a_crash_is_told_as_pythons() {
    let child = Process::new(|| -> () { std::process::abort() }, ()).start().expect("a child");
    let signal = join(child).expect_err("aborted").signal().expect("a signal");
    assert_eq!([format!("-{signal}")].as_slice(), python("A child that crashes"));
}

#[test]
fn programs_that_did_not_start_each_other_say_the_same_as_pythons() {
    fn ask(name: String) -> Vec<usize> {
        let address = Address::Abstract(name);
        let mut server: Connection<String, usize> =
            connect(&address, b"our secret").expect("a server");
        let ask = |text: &str| {
            server.send(&text.to_owned()).expect("it listens");
            server.recv().expect("an answer")
        };
        ["one two", "three"].map(ask).to_vec()
    }
    let name = format!("procession-python-{}", std::process::id());
    let address = Address::Abstract(name.clone());
    let listener = Listener::bind(address, b"our secret").expect("a listener");
    let child = Process::new(ask, (name,)).start().expect("a child");
    let mut client: Connection<usize, String> = listener.accept().expect("a client");
    while let Ok(text) = client.recv() {
        client.send(&text.split_whitespace().count()).expect("it listens");
    }
    let said = join(child).expect("answers").into_iter().map(|count| count.to_string());
    assert_eq!(sorted(said), python("Programs that did not start each other"));
}

#[test]
fn whichever_connection_is_first_says_the_same_as_pythons() {
    let count = |end: u32, out: Sender<u32>| {
        (0..end).for_each(|number| out.send(number).expect("a listener"));
    };
    let mut receivers = [3, 5].map(|end| {
        let (out, numbers) = channel().expect("a channel");
        Process::new(count, (end, out)).start().expect("a child");
        numbers
    });
    let (mut open, mut total) = (receivers.iter_mut().collect::<Vec<_>>(), 0);
    while !open.is_empty() {
        let mut select = Select::new();
        for (place, receiver) in open.iter().enumerate() {
            select.recv(place, receiver);
        }
        let first = select.wait().expect("a wait");
        drop(select);
        match open[first].try_recv() {
            Ok(number) => total += number.unwrap_or(0),
            Err(_ended) => drop(open.remove(first)),
        }
    }
    assert_eq!([total.to_string()].as_slice(), python("Whichever is first"));
}

#[test]
fn memory_by_itself_says_the_same_as_pythons() {
    let fill = |memory: SharedMemory| memory.write(0, b"child");
    let memory = SharedMemory::new(16).expect("memory");
    join(Process::new(fill, (memory.clone(),)).start().expect("a child")).expect("it filled");
    let mut text = [0; 5];
    memory.read(0, &mut text);
    let said = String::from_utf8(text.to_vec()).expect("text");
    assert_eq!([said].as_slice(), python("Memory by itself"));
}
