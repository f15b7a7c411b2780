//! A small program that reports: `reporter URL HOST PERIOD_MS GRACE_MS`, until it is killed.
//!
//! It keeps to the plan of a heartbeat, with nothing around it, so that a machine bears hundreds.

use procession_beat::{Beat, Client, Instance, Kind, Main, MainState, Plan};
use std::time::{Duration, Instant};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, host, period, grace] = &arguments[..] else { panic!("URL HOST PERIOD_MS GRACE_MS") };
    let ms = |text: &String| text.parse().expect("milliseconds");
    let (period, grace) = (Duration::from_millis(ms(period)), Duration::from_millis(ms(grace)));
    let (client, plan) = (Client::new(url, None), Plan::new(period, grace));
    let instance = Instance { boot: "b".into(), pid: std::process::id(), started: 1 };
    let mut due = Instant::now();
    for seq in 1.. {
        let mut beat = Beat::new("program", host, instance.clone(), seq, Kind::Alive);
        beat.period_ms = u64::try_from(period.as_millis()).expect("a period");
        beat.grace_ms = u64::try_from(grace.as_millis()).expect("a grace");
        // `group/host`, or a host that is a group by itself.
        let group = host.split_once('/').map_or(host.as_str(), |(group, _)| group);
        beat.labels.insert("group".into(), group.into());
        beat.main = Some(Main { state: MainState::Alive, ticks: seq });
        for tries in 1.. {
            if client.send(&beat, plan.try_limit()).is_ok() {
                break;
            }
            let Some(wait) = plan.wait(tries, due.elapsed(), fastrand::f64()) else { break };
            std::thread::sleep(wait);
        }
        due += if seq == 1 { plan.phase(fastrand::f64()) } else { period };
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}
