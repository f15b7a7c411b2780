//! Kills a program in every nasty way, again and again, and counts what is left of it.
//!
//! `cargo run --release --example orphans -- --rounds 200`
//!
//! In: how many rounds. Out: a line for each campaign, and exit code 1 where anything was left.
//! This process is the observer: it never starts a process through procession. It runs itself
//! again as the program that is to be killed, marks it by an environment variable, kills it, and
//! then looks for the mark in `/proc/*/environ` and waits on pidfds. It makes itself the reaper of
//! all orphans among its descendants, so that one which lost the mark is found as well.
//!
//! A daemon that is alive ten seconds after its program's death is an orphan; how long the last
//! one of a round really took is printed. A process that ended and was not reaped by its
//! parent is a zombie. The processes that stay deliberately, with every descriptor of main's, are
//! named `leaker`; they alone are excepted.

#[path = "orphans/campaign.rs"]
mod campaign;
#[path = "orphans/host.rs"]
mod host;
#[allow(dead_code, reason = "other observers use more of it")]
#[path = "support/observer.rs"]
mod observer;
#[allow(dead_code, reason = "other observers use more of it")]
#[path = "support/program.rs"]
mod program;

use campaign::{Campaign, Moments, Remains};
use host::Tree;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

const USAGE: &str = "usage: orphans [--rounds N] [--patience SECONDS] [--seed N] [CAMPAIGN...]";

/// What the command line asks for.
struct Request {
    rounds: usize,
    patience: Duration,
    seed: u64,
    campaigns: Vec<Campaign>,
}

pub(crate) fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [word] if *word == host::LEAK => host::live_on(),
        ["--host", name] => {
            let tree = Tree::ALL.into_iter().find(|tree| tree.name() == *name);
            let Err(error) = host::run(tree.expect("a tree's name"));
            eprintln!("{error}");
            ExitCode::FAILURE
        }
        words => read(words).map_or_else(explain, |request| observe(&request)),
    }
}

fn explain() -> ExitCode {
    eprintln!("{USAGE}");
    for campaign in Campaign::ALL {
        eprintln!("  {:<20} {}", campaign.name(), campaign.about());
    }
    ExitCode::from(2)
}

fn read(words: &[&str]) -> Option<Request> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut request = Request {
        rounds: 200,
        patience: Duration::from_secs(10),
        seed: now.as_secs(),
        campaigns: Vec::new(),
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "--rounds" => request.rounds = words.next()?.parse().ok()?,
            "--patience" => request.patience = Duration::from_secs(words.next()?.parse().ok()?),
            "--seed" => request.seed = words.next()?.parse().ok()?,
            name => request.campaigns.push(Campaign::ALL.into_iter().find(|c| c.name() == name)?),
        }
    }
    if request.campaigns.is_empty() {
        request.campaigns = Campaign::ALL.to_vec();
    }
    Some(request)
}

fn observe(request: &Request) -> ExitCode {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).expect("prctl");
    println!("seed {}", request.seed);
    let mut moments = Moments::from_seed(request.seed);
    let mut clean = true;
    for &campaign in &request.campaigns {
        let rounds: Vec<Remains> = (0..request.rounds)
            .map(|_| campaign::round(campaign, &mut moments, request.patience))
            .collect();
        clean &= report(campaign, &rounds);
    }
    if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints what the rounds of one campaign left; whether it was nothing.
fn report(campaign: Campaign, rounds: &[Remains]) -> bool {
    let all = |list: fn(&Remains) -> &Vec<String>| -> Vec<&str> {
        rounds.iter().flat_map(list).map(String::as_str).collect()
    };
    let (orphans, zombies) = (all(|one| &one.orphans), all(|one| &one.zombies));
    let unfinished = all(|one| &one.unfinished);
    let finished: usize = rounds.iter().map(|one| one.finished).sum();
    let mut times: Vec<Duration> = rounds.iter().filter_map(|one| one.gone_after).collect();
    times.sort_unstable();
    let times = match times.as_slice() {
        [] => "never gone".to_owned(),
        [.., worst] => {
            let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
            let median = times[times.len() / 2];
            format!("median {:.1} ms, worst {:.1} ms", milliseconds(median), milliseconds(*worst))
        }
    };
    println!(
        "{:<18} ({}): killed {}, orphans {}, zombies {}; last daemon gone after {times}; \
         workers finished {finished}, cut short {}",
        campaign.name(),
        campaign.about(),
        rounds.len(),
        orphans.len(),
        zombies.len(),
        unfinished.len(),
    );
    let clean = orphans.is_empty() && zombies.is_empty() && unfinished.is_empty();
    if !clean {
        println!("  orphans {orphans:?}, zombies {zombies:?}, cut short {unfinished:?}");
    }
    clean
}
