//! The program of the README that tells a monitor how it is: word for word.

use procession::Heartbeat;
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let life =
        Heartbeat::to("http://127.0.0.1:8420").stuck_after(Duration::from_secs(60)).start()?;
    for path in ["/proc/cpuinfo", "/proc/meminfo"] {
        life.note(path); // told if the program dies here
        println!("{} bytes", std::fs::read(path)?.len());
        life.tick(); // a few nanoseconds: "I am getting on"
    }
    life.goodbye(None); // a planned end is no alarm
    Ok(())
}
