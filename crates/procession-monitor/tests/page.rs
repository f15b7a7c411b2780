//! The page in a real browser.

#[path = "support/browser.rs"]
mod browser;
#[path = "support/nginx.rs"]
mod nginx;
mod support;

use browser::Browser;
use nginx::{Nginx, Port};
use procession_beat::{Beat, Cause, Client, Death, Instance, Kind, Main, MainState};
use procession_monitor::Config;
use std::path::Path;
use std::process::Command;
use support::{Monitor, PATIENCE, READ_KEY, config};

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

/// A monitor that is reached below `path` of an nginx, which passes the path on or takes it away.
fn behind_nginx(directory: &Path, path: &str, strips: bool) -> (Monitor, Nginx, String) {
    let port = Port::reserve();
    let url = format!("http://{}{path}", port.address);
    let trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    let config = Config { url: Some(format!("{url}/")), trusted_proxies, ..open(directory) };
    let monitor = Monitor::start(config);
    let slash = if strips { "/" } else { "" };
    let locations = format!(
        "location {path}/ {{
            proxy_pass {}{slash};
            proxy_set_header X-Forwarded-For \"192.0.2.7, $remote_addr\";
            proxy_set_header X-Forwarded-Proto https;
         }}",
        monitor.url
    );
    let nginx = Nginx::start(directory, port, &locations);
    (monitor, nginx, url)
}

#[test]
fn behind_nginx_the_page_shows_a_death_by_itself_and_is_live_while_events_come() {
    for strips in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let (_monitor, nginx, url) = behind_nginx(directory.path(), "/ops/monitor", strips);
        let client = Client::new(&url, None);
        send(&client, "web-1", 1, Kind::Alive);
        let mut browser = Browser::start(directory.path());
        browser.open(&format!("{url}/"));
        browser.wait_for("live");
        // Its buffer holds the answer back unless it is told not to.
        send(&client, "web-1", 2, dead());
        browser.wait_for("dead: signal 9");
        assert!(browser.objections().is_empty(), "{:?}", browser.objections());
        if strips {
            continue;
        }
        nginx.signal("STOP");
        // A minute passes on the browser's clock.
        browser.ask("Date.now = ((now) => () => now() + 60000)(Date.now); 0");
        browser.wait_for("nothing is heard of the monitor");
        nginx.signal("CONT");
        browser.wait_for("live");
    }
}

#[test]
fn below_a_path_the_api_answers_and_a_trusted_proxy_says_who_asks() {
    let directory = tempfile::tempdir().unwrap();
    let (monitor, _nginx, url) = behind_nginx(directory.path(), "/monitor", false);
    let post = |url: &str, body: &str| {
        let mut answer = ureq::post(url).send(body).unwrap();
        answer.body_mut().read_to_string().unwrap()
    };
    let made: serde_json::Value =
        serde_json::from_str(&post(&format!("{url}/api/v3/checks/"), r#"{"name": "n"}"#)).unwrap();
    let ping = made["ping_url"].as_str().unwrap();
    assert!(ping.starts_with(&format!("{url}/ping/")), "{ping}");
    assert_eq!(post(ping, "hello"), "OK");
    let uuid = made["uuid"].as_str().unwrap();
    let path = format!("/monitor/api/v3/checks/{uuid}/pings/");
    support::until("the ping's row", || monitor.get(&path).body.contains("192.0.2.7"));
    let row = &monitor.get(&path).json()["pings"][0];
    assert_eq!((&row["remote_addr"], &row["scheme"]), (&"192.0.2.7".into(), &"https".into()));
    let redirect = monitor.get("/monitor");
    assert_eq!(redirect.status, 308, "{redirect:?}");
    assert!(redirect.head.contains("location: /monitor/\r"), "{redirect:?}");
}

#[test]
fn an_address_that_no_trusted_proxy_tells_is_not_believed() {
    let directory = tempfile::tempdir().unwrap();
    let trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    let monitor = Monitor::start(Config { trusted_proxies, ..open(directory.path()) });
    let uuid = monitor.make(r#"{"name": "n"}"#);
    let invented = [("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-Proto", "https")];
    monitor.request("POST", &format!("/ping/{uuid}"), &invented, "");
    let path = format!("/api/v3/checks/{uuid}/pings/");
    support::until("the ping's row", || monitor.get(&path).body.contains("remote_addr"));
    let row = &monitor.get(&path).json()["pings"][0];
    assert_eq!((&row["remote_addr"], &row["scheme"]), (&"127.0.0.1".into(), &"http".into()));
}

#[test]
fn the_certificate_of_the_documents_opens_the_page_in_a_browser() {
    let directory = tempfile::tempdir().unwrap();
    let text = include_str!("../../../docs/command.md");
    let from = text.find("openssl req").expect("how to make a certificate");
    let lines = text[from..].split("\nprocession").next().unwrap();
    let made = Command::new("sh").args(["-c", lines]).current_dir(directory.path()).output();
    let made = made.expect("sh");
    assert!(made.status.success(), "{lines}: {made:?}");
    let pair = ["monitor.pem", "monitor.key"].map(|name| directory.path().join(name));
    let [chain, key] = pair;
    let monitor = Monitor::start(Config { tls: Some((chain, key)), ..open(directory.path()) });
    let mut browser = Browser::start(directory.path());
    // Its authority is not known to the browser; the keys and ciphers are the browser's to choose.
    browser.trust_all();
    browser.open(&monitor.url);
    browser.wait_for("live");
}

#[test]
fn a_key_that_may_only_read_follows_the_checks_by_names_that_open_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let uuids = ["one", "two"].map(|name| monitor.make(&format!(r#"{{"name": "{name}"}}"#)));
    for uuid in &uuids {
        monitor.get(&format!("/ping/{uuid}/fail"));
    }
    let mut browser = Browser::start(directory.path());
    let address = monitor.url.strip_prefix("http://").unwrap();
    // The key is the password, which the browser keeps once it was asked for it.
    browser.open(&format!("http://:{READ_KEY}@{address}/api/status"));
    browser.open(&monitor.url);
    browser.wait_for("2 down");
    assert_eq!(browser.ask("document.querySelectorAll('#checks tr').length"), 2);
    browser.wait_for("two is in trouble");
    monitor.get(&format!("/ping/{}", uuids[1]));
    browser.wait_for("1 down");
    assert_eq!(browser.ask("document.querySelectorAll('#checks tr').length"), 2);
    let seen = browser.ask("document.documentElement.outerHTML");
    assert!(uuids.iter().all(|uuid| !seen.as_str().unwrap().contains(uuid.as_str())), "{seen}");
}
