//! What starting a process costs: ours, the kernel's own, the peers'.
//!
//! `cargo bench -p benches --bench start`. With `--quick`, fewer rounds; with `--parent 0`, `1` or
//! `8` only one size of the parent in GiB; with `--profile` where the time goes instead. The medians
//! are drawn into `docs/start.svg`. With `--descendants`, what ending a child's descendants costs.

mod plot;
mod profile;

use benches::{Contestant, compare};
use procession::{Process, StartMethod};
use procession_sys::fork::{Fork, fork};
use procession_sys::parcel;
use procession_sys::thread::SingleThreaded;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const GIBIBYTE: usize = 1 << 30;

fn main() {
    // Peers start this program again.
    procspawn::init();
    if std::env::args().any(|argument| argument == "--nothing") {
        return;
    }
    let rounds = if is_asked("--quick") { 2 } else { 5 };
    if is_asked("--profile") {
        return profile::print(rounds);
    }
    if is_asked("--descendants") {
        return ending_descendants();
    }
    let one: Option<usize> = argument("--parent").map(|size| size.parse().expect("GiB"));
    for size in [0, 1, 8].into_iter().filter(|&size| one.is_none_or(|one| one == size)) {
        from_parent_of(size, rounds);
        if size == 0 {
            after_idling();
            starts(rounds);
            idle_memory();
        }
    }
}

fn is_asked(option: &str) -> bool {
    std::env::args().any(|argument| argument == option)
}

/// What stands behind `option` on the command line.
fn argument(option: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != option).nth(1)
}

/// Whether a program that starts something now and then has to wait longer.
fn after_idling() {
    println!("\nstart() to value(), after a time without starts:");
    for (pause, times) in [(10, 60), (100, 30), (1000, 8)] {
        let mut took: Vec<Duration> = (0..times)
            .map(|_| {
                std::thread::sleep(Duration::from_millis(pause));
                let began = Instant::now();
                let child = plan(StartMethod::ForkServer).start().expect("a process");
                assert_eq!(child.value().expect("a value"), 42);
                began.elapsed()
            })
            .collect();
        took.sort_unstable();
        let median = took[took.len() / 2].as_secs_f64() * 1e6;
        println!("{pause} ms: {median:.1} µs (median of {times})");
    }
}

/// A start and join, plain and with the end of all descendants, in turns.
fn ending_descendants() {
    let once = |ends: bool| {
        let began = Instant::now();
        let process = plan(StartMethod::ForkServer).kill_descendants(ends);
        assert_eq!(process.start().expect("a process").join().expect("a value"), 42);
        began.elapsed().as_secs_f64() * 1e6
    };
    let mut took = [Vec::new(), Vec::new()];
    for _ in 0..500 {
        took[0].push(once(false));
        took[1].push(once(true));
    }
    for (name, took) in ["plain", "with kill_descendants"].iter().zip(&mut took) {
        took.sort_unstable_by(f64::total_cmp);
        let (least, median) = (took[0], took[took.len() / 2]);
        println!("start and join, {name}: {median:.0} µs, the least {least:.0} (median of 500)");
    }
}

fn successor(number: u64) -> u64 {
    number + 1
}

fn plan(method: StartMethod) -> Process<u64> {
    Process::new(successor, (41,)).start_method(method)
}

/// This process with memory of so many GiB that it has written to, in pages of 4 KiB.
fn from_parent_of(gibibytes: usize, rounds: usize) {
    // Hidden from the optimiser, which would leave out memory that nobody reads.
    let ballast = std::hint::black_box(vec![1_u8; gibibytes * GIBIBYTE]);
    let title = match gibibytes {
        0 => "a trivial function, from a small parent".to_owned(),
        size => format!("the same from a parent with {size} GiB resident"),
    };
    let mut all = contestants(if gibibytes > 1 { 10 } else { 1 });
    if gibibytes == 0 {
        // Python's own parent is as small in any case.
        all.extend(pythons());
    }
    let best = compare(&title, rounds, all);
    plot::keep_and_draw(gibibytes, &best).expect("the picture");
    drop(std::hint::black_box(ballast));
}

/// Those that copy the page tables of their parent are called `fewer` times less often.
fn contestants(fewer: usize) -> Vec<Contestant<'static>> {
    let proof = SingleThreaded::prove().expect("one thread, so that fork can be measured");
    let mut all = vec![Contestant::timed("bare fork + _exit + waitpid", 100 / fewer, move || {
        bare_fork(&proof);
    })];
    all.push(bare_round_trip());
    all.extend(ours());
    all.extend(peers(fewer));
    all
}

/// What no start by a waiting process can be faster than: a packet to one that was forked before,
/// and its answer.
fn bare_round_trip() -> Contestant<'static> {
    let proof = SingleThreaded::prove().expect("one thread");
    let (here, there) = parcel::pair().expect("a pair");
    if let Fork::Child = fork(&proof).expect("a process") {
        drop(here);
        let mut byte = [0];
        while let Ok((1.., _)) = recv(&there, &mut byte, RecvFlags::empty()) {
            send(&there, &byte, SendFlags::NOSIGNAL).expect("an answer");
        }
        procession_sys::exit::now(0);
    }
    drop(there);
    let once = after_a_pause(move || {
        let began = Instant::now();
        send(&here, &[1], SendFlags::NOSIGNAL).expect("a word");
        let (length, _) = recv(&here, &mut [0], RecvFlags::empty()).expect("an answer");
        assert_eq!(length, 1);
        began.elapsed()
    });
    Contestant::new("bare packet to a waiting process and back, after 5 ms", 100, once)
}

/// A pause lets the server make spares, as a program that does something does.
fn after_a_pause(once: impl Fn() -> Duration) -> impl Fn() -> Duration {
    move || {
        std::thread::sleep(Duration::from_millis(5));
        once()
    }
}

fn ours() -> Vec<Contestant<'static>> {
    let start_only = after_a_pause(|| {
        let began = Instant::now();
        let child = plan(StartMethod::ForkServer).start().expect("a process");
        let took = began.elapsed();
        assert_eq!(child.join().expect("a value"), 42);
        took
    });
    let value = after_a_pause(|| {
        let began = Instant::now();
        let child = plan(StartMethod::ForkServer).start().expect("a process");
        assert_eq!(child.value().expect("a value"), 42);
        began.elapsed()
    });
    let joined = |method| {
        move || {
            let began = Instant::now();
            assert_eq!(plan(method).start().expect("a process").join().expect("a value"), 42);
            began.elapsed()
        }
    };
    vec![
        Contestant::new("procession: start(), spares ready", 100, start_only),
        Contestant::new("procession: start() to value(), spares ready", 100, value),
        Contestant::new(
            "procession: start() to join(), spares ready",
            100,
            after_a_pause(joined(StartMethod::ForkServer)),
        ),
        Contestant::new(
            "procession: start() to join(), back to back",
            100,
            joined(StartMethod::ForkServer),
        ),
        Contestant::new("procession: Spawn, start() to join()", 30, joined(StartMethod::Spawn)),
    ]
}

fn peers(fewer: usize) -> Vec<Contestant<'static>> {
    let own = std::env::current_exe().expect("the path of this program");
    vec![
        Contestant::timed("std::process::Command of /bin/true (posix_spawn)", 30, || {
            Command::new("/bin/true").status().expect("a status");
        }),
        Contestant::timed("std::process::Command of this program", 30, move || {
            Command::new(&own).arg("--nothing").status().expect("a status");
        }),
        Contestant::timed("mem-isolate 0.1.6", 30 / fewer, || {
            let value = mem_isolate::execute_in_isolated_process(|| successor(41));
            assert_eq!(value.expect("a value"), 42);
        }),
        Contestant::timed("procspawn 1.0.2", 30, || {
            assert_eq!(procspawn::spawn(41, successor).join().expect("a value"), 42);
        }),
    ]
}

fn pythons() -> [Contestant<'static>; 3] {
    [
        python("Python multiprocessing, fork", "fork"),
        python("Python multiprocessing, forkserver", "forkserver"),
        python("Python multiprocessing, spawn", "spawn"),
    ]
}

/// Python times itself; one call is the median of its own repetitions.
fn python(name: &'static str, method: &'static str) -> Contestant<'static> {
    const SCRIPT: &str = r#"
import multiprocessing, statistics, sys, time
def nothing(): pass
if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    times = []
    for _ in range(7):
        began = time.perf_counter()
        process = context.Process(target=nothing)
        process.start(); process.join()
        times.append(time.perf_counter() - began)
    print(int(statistics.median(times) * 1e9))
"#;
    let path = std::env::temp_dir().join(format!("procession-bench-{}.py", std::process::id()));
    Contestant::new(name, 1, move || {
        std::fs::write(&path, SCRIPT).expect("a script");
        let run = Command::new("python3").arg(&path).arg(method).stderr(Stdio::inherit()).output();
        std::fs::remove_file(&path).expect("the script");
        let output = String::from_utf8(run.expect("python3").stdout).expect("a number");
        Duration::from_nanos(output.trim().parse().expect("nanoseconds from Python"))
    })
}

fn bare_fork(proof: &SingleThreaded) {
    match fork(proof).expect("a process") {
        Fork::Child => procession_sys::exit::now(0),
        Fork::Parent(pid) => {
            let pid = rustix::process::Pid::from_raw(pid.as_raw());
            rustix::process::waitpid(pid, rustix::process::WaitOptions::empty()).expect("a status");
        }
    }
}

/// Sustained starts, some in flight at any time.
fn starts(rounds: usize) {
    const TOTAL: u32 = 800;
    const IN_FLIGHT: usize = 8;
    let best = (0..rounds)
        .map(|_| {
            let began = Instant::now();
            let mut flying = std::collections::VecDeque::new();
            for _start in 0..TOTAL {
                if flying.len() == IN_FLIGHT {
                    let oldest: procession::Child<u64> = flying.pop_front().expect("the oldest");
                    oldest.join().expect("a value");
                }
                flying.push_back(plan(StartMethod::ForkServer).start().expect("a process"));
            }
            for child in flying {
                assert_eq!(child.join().expect("a value"), 42);
            }
            f64::from(TOTAL) / began.elapsed().as_secs_f64()
        })
        .fold(0.0, f64::max);
    println!(
        "\nsustained, {IN_FLIGHT} in flight: {best:.0} starts a second (best of {rounds} rounds)"
    );
}

/// What an idle child and its server hold, from `/proc/PID/smaps_rollup`.
fn idle_memory() {
    fn idle() {
        loop {
            std::thread::park();
        }
    }
    let children: Vec<_> =
        (0..8).map(|_| Process::new(idle, ()).start().expect("a process")).collect();
    std::thread::sleep(Duration::from_millis(50));
    let mut sizes: Vec<u64> = children.iter().map(|child| proportional(child.id())).collect();
    sizes.sort_unstable();
    let server = server_of(children[0].id());
    println!(
        "\nPSS: idle child {} KiB (median of 8), fork server {} KiB",
        sizes[4],
        proportional(server)
    );
    for child in children {
        child.kill().expect("a kill");
    }
}

fn server_of(child: u32) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/{child}/status")).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:")).expect("its parent");
    line.trim().parse().expect("a process id")
}

fn proportional(id: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{id}/smaps_rollup")).expect("its memory");
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).expect("its PSS");
    line.trim().trim_end_matches("kB").trim().parse().expect("KiB")
}
