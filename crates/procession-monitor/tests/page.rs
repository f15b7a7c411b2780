//! The page in a real browser (apt: `chromium-headless-shell`).

mod support;

use procession_beat::{Beat, Cause, Client, Death, Instance, Kind, Main, MainState};
use std::process::Command;
use support::{Monitor, PATIENCE, config, until};

/// Programs watched: more than the page shows at once.
const PROGRAMS: u64 = 600;

#[test]
fn a_browser_shows_the_dead_first_and_objects_to_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let monitor =
        Monitor::start(procession_monitor::Config { open: true, ..config(directory.path()) });
    let client = Client::new(&monitor.url, None);
    for n in 0..PROGRAMS {
        let death = Death { cause: Cause::Signal(9), panic: None, last_words: vec![] };
        let kind = if n == PROGRAMS - 1 { Kind::Dead(death) } else { Kind::Alive };
        let instance = Instance { boot: "b".into(), pid: 7, started: 9 };
        let mut beat = Beat::new("crawler", &format!("host-{n}"), instance, 1, kind);
        beat.main = Some(Main { state: MainState::Alive, ticks: 1 });
        client.send(&beat, PATIENCE).unwrap();
    }
    let first = monitor.get("/api/status").body.len();
    assert!(first <= 200_000, "the first answer has {first} bytes");

    let profile = directory.path().join("profile");
    let browse = || {
        let output = Command::new("chromium-headless-shell")
            .args(["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--dump-dom"])
            .args(["--enable-logging=stderr", "--virtual-time-budget=3000"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg(&monitor.url)
            .output();
        let output = output.unwrap_or_else(|why| panic!("chromium-headless-shell: {why}"));
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr))
    };
    let mut page = (String::new(), String::new());
    until("the page to be drawn", || {
        page = browse();
        page.0.contains("599 up")
    });
    let (dom, log) = page;
    let row = "<tr class=\"down\"><td>down</td><td>host-599</td><td>crawler</td><td>dead: signal 9";
    let rows = dom.split_once("<tbody id=\"checks\">").unwrap().1;
    assert!(rows.starts_with(row), "{}", &rows[..400]);
    assert!(rows.contains("and 100 more"), "what is not shown is counted");
    assert!(!log.contains("Content Security Policy") && !log.contains("CONSOLE"), "{log}");
}
