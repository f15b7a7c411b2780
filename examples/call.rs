//! A program that has its words counted by another, `listen`.
//!
//! `cargo run --release --example call -- SOCKET TEXT...`

use procession::connection::{Address, Connection, connect};
use std::error::Error;

/// As in `listen`.
const KEY: &[u8] = b"a key that both programs know";

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("which socket?")?;
    let mut server: Connection<String, usize> = connect(&Address::Path(path.into()), KEY)?;
    for text in arguments {
        server.send(&text)?;
        println!("{} words", server.recv()?);
    }
    Ok(())
}
