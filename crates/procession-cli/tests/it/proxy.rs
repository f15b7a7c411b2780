//! Proxies that the environment names, each a real one on the loopback interface.

use crate::support::{Monitor, procession, said};
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

/// A proxy that connects each client to one server, whatever host the client asks for.
struct Proxy {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn to(server: &str) -> Proxy {
        let server = server.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let requests = Arc::clone(&asked);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (server, requests) = (server.clone(), Arc::clone(&requests));
                thread::spawn(move || serve(&client, &server, &requests));
            }
        });
        Proxy { port, asked }
    }

    fn url(&self) -> String {
        format!("http://user:hush@127.0.0.1:{}", self.port)
    }

    /// The first lines of the requests so far.
    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

/// Reads a request to connect, then copies bytes both ways.
fn serve(client: &TcpStream, server: &str, requests: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(client);
    let mut first = String::new();
    lines.read_line(&mut first).expect("a request");
    requests.lock().expect("no panic").push(first.trim_end().to_owned());
    let mut line = String::new();
    while lines.read_line(&mut line).expect("a header") > 2 {
        line.clear();
    }
    let server = TcpStream::connect(server).expect("the server");
    (&*client).write_all(b"HTTP/1.1 200 Connected\r\n\r\n").expect("the client waits");
    let copy = |mut from: &TcpStream, mut to: &TcpStream| {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    };
    thread::scope(|scope| {
        scope.spawn(|| copy(&server, client));
        copy(client, &server);
    });
}

/// The command without this machine's own proxies.
fn without_proxies(mut command: Command) -> Command {
    for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command
}

fn run(url: &str, name: &str, linger: &str) -> Command {
    let options = ["run", "--url", url, "--name", name, "--linger", linger, "--", "true"];
    without_proxies(procession(&options))
}

fn status(url: &str) -> Command {
    without_proxies(procession(&["status", "--url", url]))
}

#[test]
fn a_monitor_on_the_loopback_interface_is_never_asked_through_a_proxy() {
    let monitor = Monitor::open();
    let proxy = Proxy::to(&monitor.url);
    for name in ["http_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        let told = said(run(&monitor.url, name, "60s").env(name, proxy.url()));
        assert_eq!((told.code, told.err.as_str()), (Some(0), ""));
        let shown = said(status(&monitor.url).env(name, proxy.url()));
        assert_eq!(shown.code, Some(0), "{}", shown.err);
        assert!(shown.out.contains(name), "{}", shown.out);
    }
    assert!(proxy.asked().is_empty(), "{:?}", proxy.asked());
}

#[test]
fn another_monitor_is_asked_through_the_proxy_of_its_scheme_unless_no_proxy_names_it() {
    let url = "http://monitor.invalid:8420";
    let monitor = Monitor::start(&["--open", "--public-url", url]);
    let proxy = Proxy::to(&monitor.url);
    let told = said(run(url, "far", "60s").env("http_proxy", proxy.url()));
    assert_eq!((told.code, told.err.as_str()), (Some(0), ""));
    let shown = said(status(url).env("all_proxy", proxy.url()));
    assert!(shown.code == Some(0) && shown.out.contains("far"), "{}{}", shown.out, shown.err);
    let asked = proxy.asked();
    assert!(asked.len() >= 2, "{asked:?}");
    assert!(asked.iter().all(|one| one == "CONNECT monitor.invalid:8420 HTTP/1.1"), "{asked:?}");

    let mut another_scheme = status(url);
    another_scheme.env("https_proxy", proxy.url());
    let mut excepted = status(url);
    excepted.env("http_proxy", proxy.url()).env("no_proxy", "10.0.0.0/8,.invalid:8420");
    for mut direct in [another_scheme, excepted] {
        let failed = said(&mut direct);
        assert_eq!(failed.code, Some(2));
        assert!(!failed.err.contains("through the proxy"), "{}", failed.err);
    }
    assert_eq!(proxy.asked().len(), asked.len(), "{:?}", proxy.asked());
}

#[test]
fn an_error_names_the_proxy_and_its_variable_without_the_password() {
    let url = "http://monitor.invalid:8420";
    let free = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = free.local_addr().expect("an address").port();
    drop(free);
    let proxy = format!("http://user:hush@127.0.0.1:{port}");
    let named = format!("through the proxy http://127.0.0.1:{port} (HTTP_PROXY)");
    let told = said(run(url, "untold", "1s").env("HTTP_PROXY", &proxy));
    let failed = said(status(url).env("HTTP_PROXY", &proxy));
    assert_eq!(failed.code, Some(2));
    for text in [&told.err, &failed.err] {
        assert!(text.contains(&named) && !text.contains("hush"), "{text}");
    }
    let unusable = said(status(url).env("http_proxy", "socks5://user:hush@127.0.0.1:1"));
    assert_eq!(unusable.code, Some(2));
    let text = unusable.err;
    assert!(text.contains("http_proxy") && text.contains("SOCKS"), "{text}");
    assert!(!text.contains("hush"), "{text}");
}
