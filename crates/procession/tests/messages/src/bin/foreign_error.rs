//! An error of another crate, which has no serde.
//~ `Result<usize, anyhow::Error>` cannot cross to another process
//~ the child would have to send this value back
//~ such as `anyhow::Error`, return `Result<_, procession::Failure>`

fn lines() -> Result<usize, anyhow::Error> {
    Ok(std::fs::read_to_string("/proc/cpuinfo")?.lines().count())
}

fn main() {
    procession::Process::new(lines, ()).name("lines").start().unwrap();
}
