//! The smallest server: `monitor --listen 127.0.0.1:8420 --data FILE [options]`.
//!
//! Options: `--open`, `--fast` (short waits, for tests), `--beat-token`, `--ping-key`, `--read-key`,
//! `--api-key`, `--webhook URL`, `--command PROGRAM`, `--deadman URL`, `--cert FILE --key FILE`,
//! `--plain`. It prints its URL once it listens, and ends in order when its standard input closes
//! (`--stay`: never).

use procession_monitor::{Config, Monitor, Receiver, Scope, judge};
use std::error::Error;
use std::io::Read;
use std::net::TcpListener;
use std::process::ExitCode;

fn main() -> ExitCode {
    let value = |name: &str| std::env::args().skip_while(|a| a != name).nth(1);
    let flag = |name: &str| std::env::args().any(|a| a == name);
    let token = |name: &str, scope| value(name).map(|secret| (secret, scope, None));
    let webhook = value("--webhook").map(|url| Receiver::Webhook { name: "webhook".into(), url });
    let command = value("--command")
        .map(|program| Receiver::Command { name: "command".into(), command: vec![program] });
    let mut judge = judge::Config::default();
    if flag("--fast") {
        judge.group_wait = 0;
        judge.mass_hold = 5_000;
    }
    let config = Config {
        database: value("--data").expect("--data FILE").into(),
        verbose: false,
        trusted_proxies: Vec::new(),
        open: flag("--open"),
        plain: flag("--plain"),
        tls: value("--cert").zip(value("--key")).map(|(chain, key)| (chain.into(), key.into())),
        tokens: [
            token("--beat-token", Scope::Beat),
            token("--ping-key", Scope::Ping),
            token("--read-key", Scope::Read),
            token("--api-key", Scope::Admin),
        ]
        .into_iter()
        .flatten()
        .collect(),
        receivers: webhook.into_iter().chain(command).collect(),
        deadman: value("--deadman").into_iter().collect(),
        judge,
        ..Config::default()
    };
    let address = value("--listen").unwrap_or_else(|| "127.0.0.1:0".into());
    let listener = TcpListener::bind(address).expect("an address to listen on");
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let stay = flag("--stay");
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        if stay {
            std::thread::park();
        }
        let _ = stop.send(());
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let shutdown = async {
        let _ = stopped.await;
    };
    let ended = runtime.expect("a runtime").block_on(async {
        let monitor = Monitor::open(config, listener).await?;
        println!("{}", monitor.url());
        monitor.serve(shutdown).await
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            eprintln!("{error}{cause}");
            ExitCode::FAILURE
        }
    }
}
