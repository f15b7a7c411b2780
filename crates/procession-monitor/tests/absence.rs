//! A real monitor that is stopped, suspended or killed while heartbeats go on: nobody is blamed,
//! and who dies meanwhile is found.

mod support;

use procession_beat::{Beat, Client, Instance, Kind, Main, MainState, Plan};
use rustix::process::{Pid, Signal, kill_process};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use support::{Process, Told};

const PERIOD: Duration = Duration::from_secs(3);
const GRACE: Duration = Duration::from_secs(2);
/// Longer than period and grace: without the blind window everybody would be blamed.
const ABSENCE: Duration = Duration::from_secs(8);

/// A heartbeat that keeps to its plan until it dies.
fn heartbeat(url: &str, host: usize, dead: Arc<AtomicBool>) -> JoinHandle<()> {
    let client = Client::new(url, None);
    std::thread::spawn(move || {
        let plan = Plan::new(PERIOD, GRACE);
        let mut dice = fastrand::Rng::with_seed(host as u64);
        let mut due = Instant::now();
        for seq in 1.. {
            let instance = Instance { boot: "b".into(), pid: 1, started: 1 };
            let mut beat =
                Beat::new("program", &format!("host-{host}"), instance, seq, Kind::Alive);
            beat.period_ms = 3_000;
            beat.grace_ms = 2_000;
            beat.main = Some(Main { state: MainState::Alive, ticks: seq });
            for tries in 1.. {
                if dead.load(Ordering::Relaxed) {
                    return;
                }
                if client.send(&beat, plan.try_limit()).is_ok() {
                    break;
                }
                let Some(wait) = plan.wait(tries, due.elapsed(), dice.f64()) else { break };
                std::thread::sleep(wait);
            }
            // A heartbeat's clock, which is not the thing that is tried.
            let phase = if seq == 1 { plan.phase(dice.f64()) } else { PERIOD };
            due += phase;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    })
}

/// Lets ten heartbeats run, makes the monitor absent, lets one of them die meanwhile, and returns
/// the summaries of the first letters that come: the dead one's, if all is well.
fn absence(absent: impl FnOnce(Process, &dyn Fn() -> Process) -> Process) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("monitor.db");
    let told = Told::start(&[]);
    let monitor = Process::start(&database, &told.url, "127.0.0.1:0");
    let url = monitor.url.clone();
    let address = url.strip_prefix("http://").unwrap().to_owned();
    let deaths: Vec<Arc<AtomicBool>> = (0..10).map(|_| Arc::default()).collect();
    let beats: Vec<JoinHandle<()>> =
        deaths.iter().enumerate().map(|(host, dead)| heartbeat(&url, host, dead.clone())).collect();
    std::thread::sleep(PERIOD);
    deaths[4].store(true, Ordering::Relaxed);
    let again = || Process::start(&database, &told.url, &address);
    let monitor = absent(monitor, &again);
    told.letters(1);
    // Whoever else would be blamed, is blamed by now.
    std::thread::sleep(PERIOD + GRACE);
    let summary = |(_, letter): (String, serde_json::Value)| {
        letter["commonAnnotations"]["summary"].as_str().unwrap().to_owned()
    };
    let summaries = told.letters(1).into_iter().map(summary).collect();
    for dead in &deaths {
        dead.store(true, Ordering::Relaxed);
    }
    for beat in beats {
        beat.join().unwrap();
    }
    drop(monitor);
    summaries
}

#[test]
fn a_suspended_monitor_blames_only_who_died() {
    let summaries = absence(|monitor, _| {
        let pid = Pid::from_child(&monitor.child);
        kill_process(pid, Signal::STOP).unwrap();
        std::thread::sleep(ABSENCE);
        kill_process(pid, Signal::CONT).unwrap();
        monitor
    });
    assert_eq!(summaries, ["host-4: program silent"]);
}

#[test]
fn a_killed_monitor_blames_only_who_died() {
    let summaries = absence(|monitor, again| {
        drop(monitor);
        std::thread::sleep(ABSENCE);
        again()
    });
    assert_eq!(summaries, ["host-4: program silent"]);
}
