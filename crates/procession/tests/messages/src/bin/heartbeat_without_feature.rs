//! A type of a feature that is not enabled.
//~ unresolved import `procession::Heartbeat`
//~ `heartbeat`

use procession::Heartbeat;

fn main() {
    Heartbeat::new("http://127.0.0.1:8033").start().unwrap();
}
