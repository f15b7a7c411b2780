//! A child that is awaited without the feature for it. `cargo build` says so, `cargo check` not yet.
//~ awaiting a child needs procession's feature `tokio`

async fn seven() -> u8 {
    let child = procession::Process::new(|| 7_u8, ()).start().unwrap();
    child.await.unwrap()
}

fn main() {
    let future = std::pin::pin!(seven());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let _ = std::future::Future::poll(future, &mut context);
}
