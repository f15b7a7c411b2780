//! Methods of a feature that is not enabled.
//~ Receiver<u8>` cannot be awaited without procession's feature `tokio`
//~ Sender<u8>` cannot be awaited without procession's feature `tokio`
//~ features = ["tokio"]

async fn pass_on(from: procession::Receiver<u8>, to: procession::Sender<u8>) {
    let number = from.recv_async().await.unwrap();
    to.send_async(number).await.unwrap();
}

fn main() {
    let (to, from) = procession::channel().unwrap();
    drop(pass_on(from, to));
}
