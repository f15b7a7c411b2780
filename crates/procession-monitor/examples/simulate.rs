//! Weeks of virtual time for thousands of servers, in seconds.
//!
//! `cargo run -p procession-monitor --release --example simulate -- --servers 2000 --weeks 2 --seed 7`

use procession_monitor::sim::{Plan, Report, simulate};
use std::process::ExitCode;

fn main() -> ExitCode {
    let number = |name: &str, default: u64| {
        let mut arguments = std::env::args().skip_while(|argument| argument != name).skip(1);
        arguments.next().map_or(default, |value| value.parse().expect("a number"))
    };
    let plan = Plan {
        servers: usize::try_from(number("--servers", 2_000)).expect("a number of servers"),
        hours: number("--weeks", 2) * 7 * 24,
        seed: number("--seed", 7),
        loss_per_mille: number("--loss-per-mille", 10),
        flaw: None,
    };
    let report = simulate(&plan);
    println!("{report}");
    let Report { false_alarms, missed, untold, broken, .. } = &report;
    if false_alarms.is_empty() && missed.is_empty() && untold.is_empty() && broken.is_empty() {
        ExitCode::SUCCESS
    } else {
        eprintln!("false alarms {false_alarms:?}\nmissed {missed:?}\nuntold {untold:?}");
        eprintln!("broken rules {broken:?}");
        ExitCode::FAILURE
    }
}
