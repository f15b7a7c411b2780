//! How soon a browser shows ten thousand hosts.
//!
//! `cargo run --release -p procession-monitor --example first_paint -- [HOSTS] [PICTURE.png]`
//!
//! In: how many hosts. Out: the size and time of the monitor's answer, when the browser painted
//! first and when all rows stood, each of five visits; what one change costs. A monitor and a
//! browser are started for it, and end with it.

#[path = "../tests/support/browser.rs"]
mod browser;

use browser::Browser;
use procession_beat::{Beat, Cause, Client, Death, Instance, Kind, Main, MainState};
use procession_monitor::{Config, run};
use std::error::Error;
use std::net::TcpListener;
use std::time::{Duration, Instant};

/// One in so many hosts is dead.
const DEAD: u64 = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let hosts: u64 = words.next().map_or(Ok(10_000), |word| word.parse())?;
    let picture = words.next();
    let directory = std::env::temp_dir().join(format!("first-paint-{}", std::process::id()));
    std::fs::create_dir(&directory)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    let config = Config { database: directory.join("m.db"), open: true, ..Config::default() };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.spawn(run(config, listener, std::future::pending()));
    std::thread::scope(|scope| {
        for part in 0..16 {
            let client = Client::new(&url, None);
            scope.spawn(move || (part..hosts).step_by(16).for_each(|host| send(&client, host, 1)));
        }
    });
    let begun = Instant::now();
    let answer = ureq::get(format!("{url}/api/status")).call()?.body_mut().read_to_string()?;
    println!("{hosts} hosts; the answer: {} bytes, {:?}", answer.len(), begun.elapsed());
    let up = |visits| format!("{} up", hosts - hosts.div_ceil(DEAD) + visits);
    for visit in 1..=5 {
        let profile = directory.join(format!("visit-{visit}"));
        let mut browser = Browser::start(&profile);
        browser.open(&url);
        browser.wait_for(&up(visit - 1));
        let whole = browser.ask("performance.now()");
        let paint =
            browser.ask("performance.getEntriesByName('first-contentful-paint')[0].startTime");
        let (paint, whole) =
            (paint.as_f64().unwrap_or(f64::NAN), whole.as_f64().unwrap_or(f64::NAN));
        let begun = Instant::now();
        send(&Client::new(&url, None), hosts + visit, 1);
        browser.wait_for(&up(visit));
        println!(
            "visit {visit}: first paint {paint:.0} ms, all rows {whole:.0} ms; a change shown after {:?}",
            begun.elapsed()
        );
        if let Some(path) = picture.as_ref().filter(|_| visit == 5) {
            std::fs::write(path, browser.picture())?;
            println!("{path}: a PNG in base64");
        }
        if let Some(objection) = browser.objections().first() {
            return Err(format!("the browser objects: {objection}").into());
        }
    }
    served.abort();
    runtime.shutdown_timeout(Duration::from_secs(5));
    std::fs::remove_dir_all(directory)?;
    Ok(())
}

fn send(client: &Client, host: u64, seq: u64) {
    let death = Death {
        run: None,
        cause: Cause::Signal(9),
        panic: None,
        last_words: vec!["the end".into()],
    };
    let kind = if host % DEAD == 0 { Kind::Dead(death) } else { Kind::Alive };
    let instance = Instance { boot: "b".into(), pid: 7, started: 9 };
    let mut beat = Beat::new("crawler", &format!("host-{host:05}"), instance, seq, kind);
    beat.main = Some(Main { state: MainState::Alive, ticks: 1 });
    beat.labels.insert("group".into(), format!("group-{}", host % 20));
    client.send(&beat, Duration::from_secs(30)).expect("the monitor takes it");
}
