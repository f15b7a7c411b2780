//! What crossing costs: ours beside the kernel's own ways, a bare ring, and the peers.
//!
//! `cargo bench -p benches --bench cross`. With `--quick`, fewer rounds. With `--peers`, also the
//! program in `benches/peers`, which must have been built
//! (`cargo build --release --manifest-path benches/peers/Cargo.toml`). With `--small`, messages of
//! 64 bytes only; with `--large`, all but those; with `--messages`, short messages of several types
//! within one process only.
//!
//! All other numbers are of two processes, or more, each bound to its processor: both to the first, or
//! one to the first and one to the second.

mod bulk;
mod crowd;
mod idle;
mod link;
mod messages;
mod others;
mod place;
mod ring;
mod small;

use place::Place;

fn main() {
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    let rounds = if has("--quick") { 2 } else { 5 };
    let peers = has("--peers");
    if has("--messages") {
        return messages::print();
    }
    if !has("--large") {
        for place in [Place::TWO, Place::ONE] {
            small::compare_all(rounds, place, peers);
        }
    }
    if has("--small") {
        return;
    }
    for place in [Place::TWO, Place::ONE] {
        bulk::compare_all(rounds, place, peers);
    }
    crowd::compare_all(rounds);
    idle::print();
}
