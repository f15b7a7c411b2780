//! A real Alertmanager (apt: `prometheus-alertmanager`): its webhook beside ours, and its watchdog
//! at our door.

mod support;

use procession_beat::Kind;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use support::{Monitor, Told, beat, config, dead, send, until};

/// An Alertmanager that tells everything at once; killed when dropped.
struct Alertmanager {
    child: Child,
    url: String,
}

impl Alertmanager {
    fn start(directory: &Path, webhooks: &[&str]) -> Alertmanager {
        let hooks: Vec<_> = webhooks.iter().map(|url| json!({ "url": url })).collect();
        let told = json!({
            "route": { "receiver": "hook", "group_wait": "0s", "group_by": ["host"] },
            "receivers": [{ "name": "hook", "webhook_configs": hooks }],
        });
        let file = directory.join("alertmanager.json");
        std::fs::write(&file, told.to_string()).unwrap();
        let mut command = Command::new("prometheus-alertmanager");
        command.arg(format!("--config.file={}", file.display()));
        command.arg(format!("--storage.path={}", directory.join("alerts").display()));
        command.args(["--web.listen-address=127.0.0.1:0", "--cluster.listen-address="]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|why| {
            panic!("prometheus-alertmanager: {why}; `cargo xtask test` installs it")
        });
        // It says where it listens in its log only.
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = log.find(|line| line.as_ref().unwrap().contains("address=127.0.0.1:"));
        let line = line.expect("where it listens").unwrap();
        let address = line.split("address=").nth(1).unwrap().split(' ').next().unwrap();
        let url = format!("http://{address}");
        std::thread::spawn(move || log.for_each(drop));
        Alertmanager { child, url }
    }

    fn fire(&self, alerts: &Value) {
        let post = ureq::post(format!("{}/api/v2/alerts", self.url));
        let answer = post.header("content-type", "application/json").send(alerts.to_string());
        assert_eq!(answer.unwrap().status(), 200);
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// The fields of a JSON and the kinds of their values, objects of free names as such.
fn shape(json: &Value) -> Value {
    match json {
        Value::Object(fields) => {
            let free =
                ["groupLabels", "commonLabels", "commonAnnotations", "labels", "annotations"];
            let field = |(name, value): (&String, &Value)| {
                let shape = if free.contains(&name.as_str()) {
                    assert!(value.as_object().unwrap().values().all(Value::is_string), "{name}");
                    "strings".into()
                } else {
                    shape(value)
                };
                (name.clone(), shape)
            };
            Value::Object(fields.iter().map(field).collect())
        }
        Value::Array(values) => json!([values.first().map(shape)]),
        Value::String(text) => match text.get(10..11) {
            Some("T") => "time".into(),
            _ => "string".into(),
        },
        Value::Number(_) => "number".into(),
        other => other.clone(),
    }
}

#[test]
fn our_webhook_has_the_fields_and_types_of_alertmanagers() {
    let directory = tempfile::tempdir().unwrap();
    let (theirs, ours) = (Told::start(&[]), Told::start(&[]));
    let alertmanager = Alertmanager::start(directory.path(), &[&theirs.url]);
    let labels = json!({ "alertname": "Dead", "host": "web-3", "check": "crawler" });
    let alert = |ends: &str| {
        let mut alert = json!({
            "labels": labels, "annotations": { "summary": "dead: signal 9" },
            "generatorURL": "http://127.0.0.1/",
        });
        if !ends.is_empty() {
            alert["endsAt"] = ends.into();
        }
        json!([alert])
    };
    let monitor = Monitor::start(procession_monitor::Config {
        receivers: vec![ours.receiver()],
        ..config(directory.path())
    });
    send(&monitor, &beat(1, dead())).unwrap();
    alertmanager.fire(&alert(""));
    let (theirs, ours) = (theirs.letters(1).remove(0).1, ours.letters(1).remove(0).1);
    assert_eq!(shape(&ours), shape(&theirs));
    for field in ["version", "status", "groupLabels", "truncatedAlerts"] {
        assert_eq!(ours[field], theirs[field], "{field}");
    }
    assert_eq!(ours["alerts"][0]["labels"], theirs["alerts"][0]["labels"]);
    // An alert without an end has the same end in both.
    assert_eq!(ours["alerts"][0]["endsAt"], theirs["alerts"][0]["endsAt"]);
    let mut back = beat(1, Kind::Alive);
    back.instance.started = 10;
    send(&monitor, &back).unwrap();
}

#[test]
fn a_watchdog_of_alertmanagers_keeps_a_check_up() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let uuid = monitor.make(r#"{"name": "prometheus"}"#);
    let hook = format!("{}/ping/{uuid}", monitor.url);
    let alertmanager = Alertmanager::start(directory.path(), &[&hook]);
    alertmanager.fire(&json!([{ "labels": { "alertname": "Watchdog" } }]));
    until("the watchdog's ping", || monitor.check(&uuid)["status"] == "up");
    // The history has it once it is on disk, which is later.
    until("the ping's body", || {
        let body = monitor.api("GET", &format!("/api/v3/checks/{uuid}/pings/1/body"), "");
        body.json()["alerts"][0]["labels"]["alertname"] == "Watchdog"
    });
}

/// What promtool finds wrong with these metrics.
fn promtool(metrics: &str) -> String {
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("promtool; `cargo xtask test` installs prometheus");
    child.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn promtool_objects_to_nothing_in_the_metrics_but_names_of_healthchecks() {
    let directory = tempfile::tempdir().unwrap();
    let told = Told::start(&[]);
    let monitor = Monitor::start(procession_monitor::Config {
        receivers: vec![told.receiver()],
        ..config(directory.path())
    });
    let uuid = monitor.make(r#"{"name": "a \"quoted\" \\ name\nof two lines", "tags": "db eu"}"#);
    for what in ["/start", ""] {
        assert_eq!(monitor.get(&format!("/ping/{uuid}{what}")).body, "OK");
    }
    send(&monitor, &beat(1, dead())).unwrap();
    told.letters(1);
    let metrics = || monitor.api("GET", "/metrics", "").body;
    let delivered =
        "procession_receiver_attempts_total{receiver=\"hook\", outcome=\"delivered\"} 1";
    until("the delivery", || metrics().contains(delivered));
    let metrics = metrics();
    let found = promtool(&metrics);
    let strange: Vec<&str> = found.lines().filter(|line| !line.starts_with("hc_")).collect();
    assert!(strange.is_empty(), "{found}\n{metrics}");
    let dead = metrics.lines().find(|line| {
        line.starts_with("procession_check_state{host=\"web-3\", name=\"crawler\", group=\"\", ")
    });
    assert!(dead.is_some_and(|line| line.ends_with("state=\"down\"} 1")), "{metrics}");
    for begin in [
        "procession_check_last_seen_timestamp_seconds{host=\"web-3\"",
        "procession_check_last_run_duration_seconds{host=\"\", name=\"a \\\"quoted\\\" \\\\ name\\nof two",
        "procession_receiver_queue_messages{receiver=\"hook\"} 0",
        "procession_receiver_failing{receiver=\"hook\", kind=\"webhook\"} 0",
        "procession_beats_taken_total 3",
        "procession_commit_duration_seconds_bucket{le=\"+Inf\"}",
        "procession_incidents_open 1",
        "procession_build_info{version=",
    ] {
        assert!(metrics.lines().any(|line| line.starts_with(begin)), "{begin}: {metrics}");
    }
    let ours = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE procession_"));
    for family in ours {
        let is_counter = family.ends_with(" counter");
        assert_eq!(is_counter, family.contains("_total "), "{family}");
    }
}
