//! Methods of a feature that is not enabled.
//~ Receiver<u8>` cannot be awaited without procession's feature `tokio`
//~ Sender<u8>` cannot be awaited without procession's feature `tokio`
//~ Select<'_, u8>` cannot be awaited without procession's feature `tokio`
//~ Connection<u8>` cannot be awaited without procession's feature `tokio`
//~ features = ["tokio"]

async fn pass_on(from: procession::Receiver<u8>, to: procession::Sender<u8>) {
    let number = from.recv_async().await.unwrap();
    to.send_async(number).await.unwrap();
}

async fn serve(listener: procession::connection::Listener) {
    let mut connection = listener.accept_async::<u8, u8>().await.unwrap();
    let number = connection.recv_async().await.unwrap();
    connection.send_async(&number).await.unwrap();
}

async fn first(select: procession::Select<'_, u8>) -> u8 {
    select.wait_async().await.unwrap()
}

fn main() {
    let (to, from) = procession::channel().unwrap();
    drop(pass_on(from, to));
    let _ = (serve, first);
}
