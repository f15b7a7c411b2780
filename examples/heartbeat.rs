//! A program that tells a monitor how it is.
//!
//! `cargo run --release -p procession --features heartbeat --example heartbeat -- [URL] [PATH…]`
//!
//! It reads each path, counts its lines, and says goodbye. Kill it, stop it, give it a path that
//! does not exist, and see what the monitor shows; without a monitor it works all the same.

use procession::Heartbeat;
use std::error::Error;
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let url = words.next().unwrap_or_else(|| "http://127.0.0.1:8420".to_owned());
    let life = Heartbeat::to(url)
        .name("line-counter")
        .every(Duration::from_secs(5))
        .stuck_after(Duration::from_secs(30))
        .start()?;
    for path in words {
        life.note(format!("reading {path}"));
        let text = std::fs::read(&path).unwrap_or_else(|why| panic!("{path}: {why}"));
        println!("{} lines in {path}", text.split(|&byte| byte == b'\n').count());
        life.tick();
    }
    life.goodbye(None);
    println!("the last report: {}", life.delivery());
    Ok(())
}
