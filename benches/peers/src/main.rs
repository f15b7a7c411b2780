//! Other crates' ways between two processes, measured by themselves.
//!
//! `peers PEER WORKLOAD CPU CPU` prints nanoseconds, for the bench `cross`, which runs it. The
//! program starts itself again, with a name at the end, as the other side.

mod iceoryx;
mod ipc;

use std::process::{Child, Command};
use std::time::{Duration, Instant};

const MEBIBYTE: usize = 1 << 20;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let [peer, workload, here, there, ref partner @ ..] = words[..] else {
        panic!("peers PEER WORKLOAD CPU CPU")
    };
    let took = match (peer, partner) {
        ("iceoryx2", []) => iceoryx::here(workload, here, there),
        ("iceoryx2", [name]) => return iceoryx::there(workload, there, name),
        ("ipc-channel", []) => ipc::here(workload, here, there),
        ("ipc-channel-shared", []) => ipc::here("shared", here, there),
        ("ipc-channel", [name]) => return ipc::there(workload, there, name),
        _ => panic!("there is no peer {peer}"),
    };
    println!("{}", took.as_nanos());
}

/// Starts this program as the other side.
fn partner(peer: &str, workload: &str, there: &str, name: &str) -> Child {
    let own = std::env::current_exe().expect("the path of this program");
    let mut command = Command::new(own);
    command.args([peer, workload, "0", there, name]).spawn().expect("the other side")
}

fn bind(cpu: &str) {
    let mut set = rustix::thread::CpuSet::new();
    set.set(cpu.parse().expect("a processor"));
    rustix::thread::sched_setaffinity(None, &set).expect("a machine with that processor");
}

fn count(workload: &str) -> u32 {
    match workload {
        "one-way" => 50_000,
        "ping-pong" => 5_000,
        "mebibyte" => 200,
        _ => 6,
    }
}

fn each(began: Instant, workload: &str) -> Duration {
    began.elapsed() / count(workload)
}

fn sum(bytes: &[u8]) -> u64 {
    let words = bytes.chunks_exact(8).map(|word| word.try_into().map_or(0, u64::from_le_bytes));
    words.fold(0, u64::wrapping_add)
}
