//! `procession monitor`: the server.
//!
//! In: options. Out: the monitor, until SIGTERM or SIGINT ends it in order. Always: it prints its
//! address once certificate and database are open and it listens, as the only line of its standard output.

use crate::output::{complain, say};
use clap::Args;
use ipnet::IpNet;
use procession::Failure;
use procession_monitor::{Config, Monitor, Receiver, RunError, Scope, judge};
use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::net::{IpAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// The fewest characters of a token.
const SHORTEST_TOKEN: usize = 16;

/// What the server is told.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where to listen; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8420")]
    listen: String,
    /// The database; it is made if there is none
    #[arg(long, value_name = "FILE", default_value = "procession.db")]
    data: PathBuf,
    /// Where the monitor is reached, for the links it shows; else by the listener's address
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// A proxy in front of the monitor, whose X-Forwarded-For and X-Forwarded-Proto are believed
    #[arg(long, value_name = "ADDRESS[/BITS]", value_parser = network)]
    trusted_proxy: Vec<IpNet>,
    /// Whoever reaches the listener may do everything: for one's own machine
    #[arg(long)]
    open: bool,
    /// Plain HTTP although other machines can reach the listener
    #[arg(long)]
    plain: bool,
    /// The certificate chain (PEM), with --key
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// The certificate's key (PEM)
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// A token that may send beats, for any host or for one: TOKEN or TOKEN@HOST
    #[arg(long, value_name = "TOKEN[@HOST]", hide_env_values = true, hide_default_value = true)]
    beat_token: Vec<String>,
    /// The same in a file, one a line
    #[arg(long, value_name = "FILE")]
    beat_token_file: Option<PathBuf>,
    /// A key that may ping checks by their slugs
    #[arg(long, value_name = "KEY", hide_env_values = true, hide_default_value = true)]
    ping_key: Vec<String>,
    /// The same in a file, one a line
    #[arg(long, value_name = "FILE")]
    ping_key_file: Option<PathBuf>,
    /// A key that may read: 32 characters
    #[arg(long, value_name = "KEY", hide_env_values = true, hide_default_value = true)]
    read_key: Vec<String>,
    /// The same in a file, one a line
    #[arg(long, value_name = "FILE")]
    read_key_file: Option<PathBuf>,
    /// A key that may do everything: 32 characters
    #[arg(long, value_name = "KEY", hide_env_values = true, hide_default_value = true)]
    api_key: Vec<String>,
    /// The same in a file, one a line
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// Tell this URL: a POST of Alertmanager's webhook JSON
    #[arg(long, value_name = "URL")]
    webhook: Vec<String>,
    /// Tell this command: the same JSON on its standard input; words as in a shell, quotes included, but no shell
    #[arg(long, value_name = "COMMAND")]
    command: Vec<String>,
    /// Send each receiver a message that says it is a test, say how that went, and end
    #[arg(long)]
    test_message: bool,
    /// Ping this URL each minute while all is well, so that somebody notices if the monitor dies
    #[arg(long, value_name = "URL")]
    deadman: Vec<String>,
    /// How long a problem of a check waits for others of its host before it is told
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    group_wait: Duration,
    /// The shortest time between messages about a host whose checks recover or have other problems
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = humantime::parse_duration)]
    group_interval: Duration,
    /// How often a problem that lasts is told again
    #[arg(long, value_name = "TIME", default_value = "4h", value_parser = humantime::parse_duration)]
    repeat_interval: Duration,
}

/// Why no server was started.
#[derive(Debug)]
enum MonitorError {
    /// The server ended, because of this option.
    Run(&'static str, RunError),
    /// The address could not be had.
    Listen(String, std::io::Error),
    /// The URL under which the monitor is said to be reached is none.
    PublicUrl(String),
    /// The URL that is to be pinged is none.
    Deadman(String),
    /// One of certificate and key is missing.
    HalfTls,
    /// A test message would reach nobody.
    NoReceiver,
    /// Nobody could use it.
    NobodyMay,
    /// A key that the management API would never accept.
    KeyLength(&'static str),
    /// A token that could be guessed, or was left empty.
    ShortToken(&'static str),
    /// A quote of a command is left open.
    Quotes(String),
    /// A file has no token; the option, the file and why.
    TokenFile(&'static str, PathBuf, String),
    /// One token is given twice, so it would be valid for one of two purposes.
    OneToken,
}

/// Serves until it is told to end.
pub(crate) fn serve(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let config = config(options)?;
    if options.test_message {
        return test_receivers(&config, &options.listen);
    }
    let listener = TcpListener::bind(&options.listen)
        .map_err(|error| MonitorError::Listen(options.listen.clone(), error))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let (mut term, mut int) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let mut hup = signal(SignalKind::hangup())?;
        let reload = config.reload.clone();
        tokio::spawn(async move {
            while hup.recv().await.is_some() {
                reload.notify_one();
            }
        });
        let failed = |error| MonitorError::Run(option_of(&error), error);
        let monitor = Monitor::open(config, listener).await.map_err(failed)?;
        // The monitor is for others than the reader of its address.
        if let Err(error) = say!("{}", monitor.url()) {
            complain!("procession: {:#}", Failure::of(&error));
        }
        let shutdown = std::future::poll_fn(move |context| {
            if term.poll_recv(context).is_ready() || int.poll_recv(context).is_ready() {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        });
        monitor.serve(shutdown).await.map_err(failed)?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Sends each receiver a test message.
fn test_receivers(config: &Config, listen: &str) -> Result<ExitCode, Box<dyn Error>> {
    if config.receivers.is_empty() {
        return Err(MonitorError::NoReceiver.into());
    }
    let url = config.url.clone().unwrap_or_else(|| format!("http://{listen}"));
    let mut failures = 0;
    for receiver in &config.receivers {
        let name = receiver.name();
        match receiver.check().and_then(|()| receiver.test(&url)) {
            Ok(()) => say!("{name}: has taken a test message and its end")?,
            Err(why) => {
                failures += 1;
                say!("{name}: has not taken a test message: {why}")?;
            }
        }
    }
    Ok(if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The option to which an error of the server belongs.
fn option_of(error: &RunError) -> &'static str {
    match error {
        RunError::Database(..)
        | RunError::NoRoom(..)
        | RunError::File(..)
        | RunError::Links(..)
        | RunError::InUse(_) => "--data",
        RunError::PlainHttp(_) => "--cert with --key, or --plain",
        RunError::Tls(..) => "--cert, --key",
        RunError::Receiver(name, _) if name.starts_with("webhook") => "--webhook",
        RunError::Receiver(..) => "--command",
        RunError::Socket(_) => "--listen",
    }
}

/// An address, or a network of addresses.
fn network(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address.or_else(|_| text.parse::<IpNet>()).map_err(|_| {
        "it is no address (192.0.2.1) and no network (192.0.2.0/24, 2001:db8::/32)".to_owned()
    })
}

/// Refuses a public URL from which no link could be made.
fn check_public(url: &str) -> Result<(), MonitorError> {
    match crate::reach::check_url(url) {
        Ok(()) if !url.contains(['?', '#']) => Ok(()),
        _ => Err(MonitorError::PublicUrl(url.to_owned())),
    }
}

fn config(options: &Options) -> Result<Config, MonitorError> {
    if let Some(url) = &options.public_url {
        check_public(url)?;
    }
    for url in &options.deadman {
        let checked = crate::reach::check_url(url);
        checked.map_err(|_| MonitorError::Deadman(url.clone()))?;
    }
    let tls = match (&options.cert, &options.key) {
        (Some(chain), Some(key)) => Some((chain.clone(), key.clone())),
        (None, None) => None,
        _ => return Err(MonitorError::HalfTls),
    };
    let tokens = tokens(options)?;
    let webhooks = named("webhook", &options.webhook)
        .map(|(name, url)| Receiver::Webhook { name, url: url.clone() });
    let command = |(name, line): (String, &String)| match shlex::split(line) {
        Some(command) => Ok(Receiver::Command { name, command }),
        None => Err(MonitorError::Quotes(line.clone())),
    };
    let commands = named("command", &options.command).map(command);
    let commands: Vec<_> = commands.collect::<Result<_, _>>()?;
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    Ok(Config {
        database: options.data.clone(),
        url: options.public_url.clone(),
        trusted_proxies: options.trusted_proxy.clone(),
        verbose: true,
        open: options.open,
        plain: options.plain,
        tls,
        tokens,
        receivers: webhooks.chain(commands).collect(),
        deadman: options.deadman.clone(),
        reload: std::sync::Arc::default(),
        judge: judge::Config {
            group_wait: ms(options.group_wait),
            group_interval: ms(options.group_interval),
            repeat: ms(options.repeat_interval),
            ..judge::Config::default()
        },
    })
}

/// The tokens that are given, themselves or in files: what each opens, and for which host.
fn tokens(options: &Options) -> Result<Vec<(String, Scope, Option<String>)>, MonitorError> {
    let given = [
        (Scope::Beat, "--beat-token", &options.beat_token, &options.beat_token_file),
        (Scope::Ping, "--ping-key", &options.ping_key, &options.ping_key_file),
        (Scope::Read, "--read-key", &options.read_key, &options.read_key_file),
        (Scope::Admin, "--api-key", &options.api_key, &options.api_key_file),
    ];
    let mut tokens = Vec::new();
    for (scope, name, texts, file) in given {
        let in_file = file.as_ref().map_or(Ok(Vec::new()), |path| {
            let wrong = |why| MonitorError::TokenFile(name, path.clone(), why);
            crate::token_file::read(path).map_err(wrong)
        })?;
        for text in texts.iter().chain(&in_file) {
            let (token, host) = match text.split_once('@') {
                Some((token, host)) if scope == Scope::Beat => (token, Some(host.to_owned())),
                _ => (text.as_str(), None),
            };
            match scope {
                Scope::Beat | Scope::Ping if token.len() < SHORTEST_TOKEN => {
                    return Err(MonitorError::ShortToken(name));
                }
                Scope::Read | Scope::Admin if token.len() != 32 => {
                    return Err(MonitorError::KeyLength(name));
                }
                _ => tokens.push((token.to_owned(), scope, host)),
            }
        }
    }
    if tokens.is_empty() && !options.open {
        return Err(MonitorError::NobodyMay);
    }
    let distinct: BTreeSet<&str> = tokens.iter().map(|(token, ..)| token.as_str()).collect();
    if distinct.len() < tokens.len() {
        return Err(MonitorError::OneToken);
    }
    Ok(tokens)
}

/// Letters are kept by the receiver's name, so the first of a kind has the same name always.
fn named<'o>(
    kind: &'static str,
    values: &'o [String],
) -> impl Iterator<Item = (String, &'o String)> {
    let name =
        move |at: usize| if at == 0 { kind.to_owned() } else { format!("{kind}-{}", at + 1) };
    values.iter().enumerate().map(move |(at, value)| (name(at), value))
}

impl fmt::Display for MonitorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MonitorError::Run(option, why) => write!(f, "{option}: {why}"),
            MonitorError::Listen(address, why) => {
                write!(f, "cannot listen on {address}: {why}: give another with --listen")
            }
            MonitorError::PublicUrl(url) => write!(
                f,
                "--public-url `{url}` is no address of the monitor: write https://HOST or \
                 https://HOST/PATH"
            ),
            MonitorError::Deadman(url) => {
                write!(f, "--deadman `{url}` is no URL that begins with http:// or https://")
            }
            MonitorError::HalfTls => {
                f.write_str("--cert and --key are given together or not at all")
            }
            MonitorError::NoReceiver => {
                f.write_str("there is no receiver to test: give --webhook or --command")
            }
            MonitorError::NobodyMay => f.write_str(
                "nobody could send or read: give keys (--beat-token, --ping-key, --read-key, \
                 --api-key), or say --open for a monitor of one's own machine",
            ),
            MonitorError::ShortToken(name) => write!(
                f,
                "a {name} has at least {SHORTEST_TOKEN} characters; `openssl rand -hex 16` makes one"
            ),
            MonitorError::Quotes(line) => {
                write!(f, "--command {line}: a quote or a backslash stands without its counterpart")
            }
            MonitorError::TokenFile(name, path, why) => {
                write!(f, "{name}: the tokens in {}: {why}", path.display())
            }
            MonitorError::OneToken => f.write_str(
                "one token is given twice: give each host and each purpose a token of its own",
            ),
            MonitorError::KeyLength(name) => {
                write!(f, "{name} has 32 characters; `openssl rand -hex 16` makes one")
            }
        }
    }
}

impl Error for MonitorError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            MonitorError::Run(_, why) => why.source(),
            _ => None,
        }
    }
}
