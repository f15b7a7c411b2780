//! Programs that people already use, unmodified, against this monitor.
//!
//! They come from elsewhere and must be installed. A test whose program is missing fails and says
//! how to get it.

mod support;

use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::{API_KEY, Monitor, READ_KEY, config, until};

/// How to get what is missing.
const GET: &str = "`cargo xtask test` installs it";

fn venv() -> PathBuf {
    let directory = std::env::var_os("PROCESSION_CLIENTS_VENV").expect("cargo sets it");
    let directory = PathBuf::from(directory);
    assert!(directory.exists(), "{} is not there; {GET}", directory.display());
    directory
}

fn run(program: &Path, arguments: &[&str], input: Option<&Path>) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).env_remove("http_proxy").env_remove("HTTP_PROXY");
    if let Some(input) = input {
        command.arg(input);
    }
    let output =
        command.output().unwrap_or_else(|why| panic!("{}: {why}; {GET}", program.display()));
    assert!(output.status.success(), "{} {arguments:?}: {output:?}", program.display());
    output
}

fn kinds(monitor: &Monitor, uuid: &str) -> Vec<String> {
    let pings = monitor.api("GET", &format!("/api/v3/checks/{uuid}/pings/"), "").json();
    let kind = |ping: &serde_json::Value| ping["type"].as_str().unwrap().to_owned();
    pings["pings"].as_array().unwrap().iter().rev().map(kind).collect()
}

#[test]
fn curl_and_wget() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let uuid = monitor.make(r#"{"name": "shell"}"#);
    let url = format!("{}/ping/{uuid}", monitor.url);
    let (curl, wget) = (Path::new("curl"), Path::new("wget"));
    run(
        curl,
        &["-fsS", "-m", "10", "--retry", "5", "-o", "/dev/null", &format!("{url}/start")],
        None,
    );
    run(curl, &["-fsS", "-m", "10", "--data-raw", "two lines\n&more=%", &url], None);
    run(curl, &["-fsS", "--head", &url], None);
    for (version, answered) in [("--http1.0", "OK1"), ("--http2-prior-knowledge", "OK2")] {
        let log = format!("{url}/log");
        let answer = run(curl, &["-fsS", version, "-w", "%{http_version}", &log], None);
        assert_eq!(String::from_utf8_lossy(&answer.stdout), answered);
    }
    run(wget, &[&format!("{url}/1"), "-T", "10", "-t", "10", "-q", "-O", "/dev/null"], None);
    assert_eq!(kinds(&monitor, &uuid), ["start", "success", "success", "log", "log", "fail"]);
    let body = monitor.api("GET", &format!("/api/v3/checks/{uuid}/pings/2/body"), "");
    assert_eq!(body.body, "two lines\n&more=%");
}

#[test]
fn the_healthchecks_io_package() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let script = directory.path().join("client.py");
    let text = format!(
        r#"
from healthchecks_io import Client, CheckCreate
with Client(api_key="{API_KEY}", ping_key="PINGKEY", ping_url="{url}/ping/", api_url="{url}/api/", api_version=1) as client:
    check = client.create_check(CheckCreate(name="Nightly", tags="db", desc="d", timeout=120, grace=60))
    uuid = check.uuid
    assert [c.uuid for c in client.get_checks()] == [uuid], client.get_checks()
    assert [c.uuid for c in client.get_checks(tags=["db"])] == [uuid]
    assert client.get_checks(tags=["web"]) == []
    assert client.start_ping(uuid=uuid)[0]
    assert client.success_ping(uuid=uuid, data="done")[0]
    assert client.exit_code_ping(exit_code=3, uuid=uuid)[0]
    assert client.fail_ping(slug="nightly")[0]
    assert client.success_ping(slug="nightly")[0]
    assert client.get_check(uuid).status == "up", client.get_check(uuid)
    assert [p.type for p in client.get_check_pings(uuid)] == ["success", "fail", "fail", "success", "start"]
    assert [f.up for f in client.get_check_flips(uuid)] == [1, 0, 1]
    assert client.pause_check(uuid).status == "paused"
    assert client.get_integrations() == []
    assert client.delete_check(uuid).uuid == uuid
    assert client.get_checks() == []
"#,
        url = monitor.url
    );
    std::fs::write(&script, text).unwrap();
    run(&venv().join("bin/python"), &[], Some(&script));
}

#[test]
fn borgmatic() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let uuid = monitor.make(r#"{"name": "backup"}"#);
    // Stands in for borg itself, which is not what is tried here.
    let borg = directory.path().join("borg");
    std::fs::write(
        &borg,
        "#!/bin/sh\ncase \"$*\" in *--version*) echo 'borg 1.4.0';; *) echo '{}';; esac\n",
    )
    .unwrap();
    run(Path::new("chmod"), &["+x"], Some(&borg));
    let settings = directory.path().join("borgmatic.yaml");
    let text = format!(
        "source_directories: [{dir}]\nrepositories: [{{path: {dir}/repo}}]\nlocal_path: {borg}\n\
         healthchecks:\n    ping_url: {url}/ping/{uuid}\n    send_logs: true\n",
        dir = directory.path().display(),
        borg = borg.display(),
        url = monitor.url,
    );
    std::fs::write(&settings, text).unwrap();
    run(
        &venv().join("bin/borgmatic"),
        &["create", "--verbosity", "1", "--config"],
        Some(&settings),
    );
    let kinds = kinds(&monitor, &uuid);
    assert_eq!(kinds.first().map(String::as_str), Some("start"), "{kinds:?}");
    assert_eq!(kinds.last().map(String::as_str), Some("success"), "{kinds:?}");
}

#[test]
fn a_scraping_prometheus() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let uuid = monitor.make(r#"{"name": "scraped", "tags": "db"}"#);
    monitor.get(&format!("/ping/{uuid}"));
    let settings = directory.path().join("prometheus.yml");
    let text = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: procession\n  \
         authorization: {{credentials: {READ_KEY}}}\n  static_configs: [{{targets: ['{}']}}]\n",
        monitor.url.strip_prefix("http://").unwrap()
    );
    std::fs::write(&settings, text).unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut prometheus = Command::new("prometheus")
        .arg(format!("--config.file={}", settings.display()))
        .arg(format!("--storage.tsdb.path={}", directory.path().join("tsdb").display()))
        .arg(format!("--web.listen-address={free}"))
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap_or_else(|why| panic!("prometheus: {why}; {GET}"));
    let mut answer = String::new();
    let mut scraped = || {
        let url = format!("http://{free}/api/v1/query?query=hc_check_up");
        let Ok(mut found) = ureq::get(&url).call() else { return false };
        answer = found.body_mut().read_to_string().unwrap_or_default();
        answer.contains("scraped")
    };
    let found =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| until("a scrape", &mut scraped)));
    prometheus.kill().unwrap();
    prometheus.wait().unwrap();
    assert!(found.is_ok(), "{answer}");
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let result = &answer["data"]["result"][0];
    assert_eq!((&result["metric"]["name"], &result["value"][1]), (&json!("scraped"), &json!("1")));
}

#[test]
fn the_healthchecks_crate() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let uuid = monitor.make(r#"{"name": "crate"}"#);
    let root = format!("{}/ping", monitor.url);
    let client = healthchecks::ping::get_client_with_url(&uuid, &root).unwrap();
    assert!(client.start_timer());
    assert!(client.report_success());
    assert!(client.report_failure());
    assert_eq!(kinds(&monitor, &uuid), ["start", "success", "fail"]);
}

#[test]
fn curl_over_tls_with_the_certificate_and_not_without() {
    let directory = tempfile::tempdir().unwrap();
    let (chain, key) = (directory.path().join("cert.pem"), directory.path().join("key.pem"));
    let paths = (chain.display().to_string(), key.display().to_string());
    let make = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-days",
        "2",
        "-out",
        &paths.0,
        "-keyout",
        &paths.1,
    ];
    run(Path::new("openssl"), &make, None);
    let monitor = Monitor::start(procession_monitor::Config {
        tls: Some((chain, key)),
        ..config(directory.path())
    });
    let url = format!("{}/ping/PINGKEY/tls?create=1", monitor.url);
    let created = run(Path::new("curl"), &["-fsS", "--cacert", &paths.0, &url], None);
    assert_eq!(created.stdout, b"Created");
    let refused = Command::new("curl").args(["-fsS", &url]).output().expect("curl, as above");
    assert!(!refused.status.success(), "an unknown certificate is not trusted");
}
