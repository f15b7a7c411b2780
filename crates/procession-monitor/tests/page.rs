//! The page in a real browser.

#[path = "support/browser.rs"]
mod browser;
mod support;

use browser::Browser;
use procession_beat::{Beat, Cause, Client, Death, Instance, Kind, Main, MainState};
use procession_monitor::Config;
use std::path::Path;
use support::{Monitor, PATIENCE, config};

/// Programs watched: more than the page shows at once.
const PROGRAMS: u64 = 600;

fn open(directory: &Path) -> Config {
    Config { open: true, ..config(directory) }
}

fn dead() -> Kind {
    Kind::Dead(Death { run: None, cause: Cause::Signal(9), panic: None, last_words: vec![] })
}

fn send(client: &Client, host: &str, seq: u64, kind: Kind) {
    let instance = Instance { boot: "b".into(), pid: 7, started: 9 };
    let mut beat = Beat::new("crawler", host, instance, seq, kind);
    beat.main = Some(Main { state: MainState::Alive, ticks: 1 });
    client.send(&beat, PATIENCE).unwrap();
}

#[test]
fn a_browser_shows_the_dead_first_and_objects_to_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(open(directory.path()));
    let client = Client::new(&monitor.url, None);
    for n in 0..PROGRAMS {
        send(
            &client,
            &format!("host-{n}"),
            1,
            if n == PROGRAMS - 1 { dead() } else { Kind::Alive },
        );
    }
    let first = monitor.get("/api/status").body.len();
    assert!(first <= 200_000, "the first answer has {first} bytes");

    let mut browser = Browser::start(directory.path());
    browser.open(&monitor.url);
    browser.wait_for("599 up");
    // As many as the answer's bytes hold; the rest is counted.
    let rows = browser.ask("document.querySelectorAll('#checks tr').length").as_u64().unwrap();
    assert!((400..=500).contains(&rows), "{rows}");
    browser.wait_for(&format!("and {} more", PROGRAMS - rows));
    let row = browser.ask("document.querySelector('#checks tr').innerText");
    assert!(row.as_str().unwrap().starts_with("down\thost-599\tcrawler\tdead: signal 9"), "{row}");
    assert!(browser.objections().is_empty(), "{:?}", browser.objections());
}

#[test]
fn an_open_page_shows_a_death_by_itself_and_follows_its_filter() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(open(directory.path()));
    let client = Client::new(&monitor.url, None);
    send(&client, "web-1", 1, Kind::Alive);
    send(&client, "web-2", 1, Kind::Alive);
    let mut browser = Browser::start(directory.path());
    browser.open(&monitor.url);
    browser.wait_for("2 up");
    send(&client, "web-2", 2, dead());
    browser.wait_for("dead: signal 9");
    browser.wait_for("web-2 is in trouble");
    let first = browser.ask("document.querySelector('#checks tr').innerText");
    assert!(first.as_str().unwrap().starts_with("down\tweb-2"), "{first}");

    browser.ask(
        "const filter = document.getElementById('filter'); filter.value = 'down'; \
         filter.dispatchEvent(new Event('input')); 0",
    );
    let rows = "new Promise((done) => {
        const body = document.getElementById('checks');
        const look = () => body.children.length === COUNT && done(body.innerText);
        new MutationObserver(look).observe(body, { childList: true });
        look();
    })";
    let only = browser.ask(&rows.replace("COUNT", "1"));
    assert!(only.as_str().unwrap().contains("web-2"), "{only}");
    // What the filter does not mean any more leaves the page.
    send(&client, "web-2", 3, Kind::Alive);
    browser.ask(&rows.replace("COUNT", "0"));
    assert!(browser.objections().is_empty(), "{:?}", browser.objections());
}

#[test]
fn a_page_that_was_open_shows_when_the_monitor_was_blind() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(open(directory.path()));
    let address = monitor.url.strip_prefix("http://").unwrap().to_owned();
    send(&Client::new(&monitor.url, None), "web-1", 1, Kind::Alive);
    let mut browser = Browser::start(directory.path());
    browser.open(&monitor.url);
    browser.wait_for("1 up");
    drop(monitor);
    browser.wait_for("what stands here is old");
    let monitor = Monitor::start_at(open(directory.path()), &address);
    browser.wait_for("the monitor was blind from");
    // It was not due meanwhile, so it is what it was.
    browser.wait_for("1 up");
    send(&Client::new(&monitor.url, None), "web-1", 2, Kind::Alive);
    browser.wait_for("1 up");
}
