//! Functions and scenarios of long vectors, whose memory is used again.
//!
//! What always holds: a function takes a vector of numbers and nothing else, so that it travels in
//! memory; so it is told what it has to know by its standard input, and tells by its output.

#![expect(clippy::needless_pass_by_value, reason = "a process's function owns its arguments")]

use crate::support::DEADLINE;
use procession::{Child, JoinError, Process, SharedMemory, Value};
use procession_sys::fork::{Fork, fork};
use procession_sys::thread::SingleThreaded;
use procession_sys::{descriptor, exit};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;

/// A vector of so many numbers, 800 KB, travels in memory.
pub(crate) const LONG: usize = 100_000;

/// The memory files that this process has mapped: where each begins, and its number.
pub(crate) fn mapped() -> Vec<(u64, u64)> {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("the mappings");
    let files = maps.lines().filter(|line| line.contains("/memfd:procession"));
    let of = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let start = words[0].split('-').next().and_then(|hex| u64::from_str_radix(hex, 16).ok());
        (start.expect("an address"), words[4].parse().expect("a file's number"))
    };
    files.map(of).collect()
}

pub(crate) fn files() -> BTreeSet<u64> {
    mapped().into_iter().map(|(_, file)| file).collect()
}

/// Each number and one; nothing if they are not all the same.
pub(crate) fn successors(numbers: Vec<u64>) -> Vec<u64> {
    let same = numbers.iter().all(|&number| number == numbers[0]);
    if same { numbers.iter().map(|number| number + 1).collect() } else { Vec::new() }
}

/// As [`join`], without a thread for it: only a process with one may make a copy of itself.
pub(crate) fn join_quickly<R: Value>(mut child: Child<R>) -> Result<R, JoinError> {
    let joined = child.join_timeout(DEADLINE)?;
    Ok(joined.expect("it ends in time"))
}

/// Sends `seed` so many times to a process; its value must be the same many times the next number.
pub(crate) fn exchange(seed: u64, count: usize) {
    let child = Process::new(successors, (vec![seed; count],)).start().expect("a child");
    let value = join_quickly(child).expect("a value");
    assert!(value == vec![seed + 1; count], "{} numbers, not of {seed}", value.len());
}

/// What a copy of a process does: waits for the end of standard input, tells which number it finds
/// in the memory of its original's arguments, and is gone.
pub(crate) fn wait_and_tell() -> ! {
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    let mut number = [0; 8];
    let (start, _file) = mapped()[0];
    let memory = File::open("/proc/self/mem").expect("its memory");
    memory.read_exact_at(&mut number, start).expect("a number");
    println!("{}", u64::from_ne_bytes(number));
    let _ = std::io::stdout().flush();
    exit::now(0)
}

pub(crate) fn leave_a_copy(numbers: Vec<u64>) -> Vec<u64> {
    let proof = SingleThreaded::prove().expect("one thread");
    match fork(&proof).expect("a fork") {
        Fork::Child => wait_and_tell(),
        Fork::Parent(_) => numbers,
    }
}

/// The ends of a child's standard streams: closing the first is the end of its input, the second
/// ends with the last that could write there.
pub(crate) struct Streams {
    input: OwnedFd,
    output: OwnedFd,
}

/// Starts a function with its input and output at hand.
pub(crate) fn start_with_streams(plan: Process<Vec<u64>>) -> (Child<Vec<u64>>, Streams) {
    let ((reader, input), (output, writer)) =
        (descriptor::pipe().expect("a pipe"), descriptor::pipe().expect("a pipe"));
    let child = plan.stdin(reader).stdout(writer).start().expect("a child");
    (child, Streams { input, output })
}

impl Streams {
    /// Ends the input; what was written until everybody who could write has gone.
    pub(crate) fn finish(self) -> String {
        drop(self.input);
        let mut said = String::new();
        File::from(self.output).read_to_string(&mut said).expect("the output");
        said
    }
}

/// Both the process and a copy of it come back, with different numbers; the copy last.
pub(crate) fn come_back_twice(mut numbers: Vec<u64>) -> Vec<u64> {
    let proof = SingleThreaded::prove().expect("one thread");
    match fork(&proof).expect("a fork") {
        Fork::Child => {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            numbers.fill(2);
        }
        Fork::Parent(_) => numbers.fill(1),
    }
    numbers
}

/// Puts memory of its own in the place of each descriptor of memory.
pub(crate) fn replace_memory(numbers: Vec<u64>) -> Vec<u64> {
    let listed: Vec<_> = std::fs::read_dir("/proc/self/fd").expect("the descriptors").collect();
    let other = SharedMemory::new(1 << 20).expect("memory");
    other.write(0, &vec![9; 1 << 20]);
    for entry in listed {
        let path = entry.expect("a descriptor").path();
        let is_memory = |file: std::path::PathBuf| file.to_string_lossy().contains("/memfd:");
        if std::fs::read_link(&path).is_ok_and(is_memory) {
            let number = path.file_name().and_then(|name| name.to_str()?.parse().ok());
            hostile::replace(number.expect("a number"), other.as_fd().as_raw_fd())
                .expect("replaced");
        }
    }
    successors(numbers)
}
