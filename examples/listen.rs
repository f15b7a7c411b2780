//! A program that counts words for any other program that knows the key. `call` is one.
//!
//! `cargo run --release --example listen -- SOCKET [HOW_MANY_CLIENTS]`

use procession::Process;
use procession::connection::{Address, Connection, Listener};
use std::error::Error;

/// Both programs read it from where only their user can; here it is written down.
const KEY: &[u8] = b"a key that both programs know";

/// Serves one client, in a process of its own: one that crashes is nobody else's concern.
fn serve(mut client: Connection<usize, String>) {
    while let Ok(text) = client.recv() {
        if client.send(&text.split_whitespace().count()).is_err() {
            return;
        }
    }
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("which socket?")?;
    let clients = arguments.next().map_or(Ok(1), |count| count.parse())?;
    let listener = Listener::bind(Address::Path(path.into()), KEY)?;
    println!("listening at {}", listener.address());
    let mut served = Vec::new();
    for _ in 0..clients {
        let client: Connection<usize, String> = listener.accept()?;
        served.push(Process::new(serve, (client,)).name("serve").start()?);
    }
    for process in served {
        process.join()?;
    }
    println!("served {clients}");
    Ok(())
}
