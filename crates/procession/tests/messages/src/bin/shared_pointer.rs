//! An `Arc`, which serde knows with its feature `rc` only.
//~ `Arc<String>` cannot be an argument of a process
//~ (Arc::new(String::from("text")), 2)
//~ ^ this argument would have to cross to the child
//~ or enable serde's feature `rc`

use std::sync::Arc;

fn repeat(text: Arc<String>, times: usize) -> String {
    text.repeat(times)
}

fn main() {
    procession::Process::new(repeat, (Arc::new(String::from("text")), 2)).start().unwrap();
}
