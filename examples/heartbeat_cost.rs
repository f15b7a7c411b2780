//! What a heartbeat costs: the memory, processor time and wake-ups of its process.
//!
//! `cargo run --release -p procession --features heartbeat --example heartbeat_cost -- URL [SECONDS [CA.pem]]`
//!
//! It is as most programs have it: a beat every five minutes, a tick promised once a minute. What a
//! tick costs the program is measured too.

use procession::{Heartbeat, active_children};
use std::error::Error;
use std::fs;
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let url = words.next().ok_or("the URL of a monitor, or of none")?;
    let seconds = words.next().map_or(Ok(60), |word| word.parse())?;
    let heartbeat = Heartbeat::to(url).stuck_after(Duration::from_secs(60));
    let life = match words.next() {
        Some(file) => heartbeat.ca(file).start()?,
        None => heartbeat.start()?,
    };
    let heart = active_children().into_iter().find(|child| child.name() == "heartbeat");
    let heart = heart.ok_or("the heartbeat has ended")?.id();

    let begun = Instant::now();
    let ticks = 10_000_000;
    (0..ticks).for_each(|_| life.tick());
    println!("a tick: {:.1} ns", begun.elapsed().as_secs_f64() * 1e9 / f64::from(ticks));

    std::thread::sleep(Duration::from_secs(2));
    println!("first report: {}", life.delivery());
    let before = cost(heart)?;
    std::thread::sleep(Duration::from_secs(seconds));
    let after = cost(heart)?;
    println!("proportional set size: {} KiB", after.pss);
    println!("since its start: {:.0} ms of processor time", after.cpu * 1e3);
    let rest = (after.cpu - before.cpu) * 1e3;
    println!("in {seconds} s at rest: {rest:.1} ms, {} wake-ups", after.wakes - before.wakes);
    life.goodbye(None);
    Ok(())
}

struct Cost {
    /// KiB.
    pss: u64,
    /// Seconds.
    cpu: f64,
    wakes: u64,
}

fn cost(pid: u32) -> Result<Cost, Box<dyn Error>> {
    let field = |text: &str, name: &str| -> Result<u64, Box<dyn Error>> {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such line")?;
        Ok(line.trim_start_matches(':').trim().trim_end_matches(" kB").parse()?)
    };
    let pss = field(&fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?, "Pss")?;
    let (mut wakes, mut nanoseconds) = (0, 0.0);
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let task = task?.path();
        wakes += field(&fs::read_to_string(task.join("status"))?, "voluntary_ctxt_switches")?;
        let ran = fs::read_to_string(task.join("schedstat"))?;
        nanoseconds += ran.split(' ').next().ok_or("no schedstat")?.parse::<f64>()?;
    }
    Ok(Cost { pss, cpu: nanoseconds / 1e9, wakes })
}
