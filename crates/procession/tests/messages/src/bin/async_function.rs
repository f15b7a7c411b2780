//! An `async fn`, whose value is a future.
//~ `impl Future<Output = usize>` cannot cross to another process
//~ if it is a future, the function is an `async fn`
//~ `block_on`

async fn count() -> usize {
    7
}

fn main() {
    procession::Process::new(count, ()).start().unwrap();
}
