//! ipc-channel.

use super::{MEBIBYTE, bind, count, each, partner, sum};
use ipc_channel::ipc::{IpcOneShotServer, IpcReceiver, IpcSender, IpcSharedMemory, channel};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

const NUMBERS: usize = 8 << 20;

/// One message of every workload.
#[derive(Clone, Serialize, Deserialize)]
enum Message {
    Ready,
    Sample(u64, [f64; 7]),
    Bytes(Vec<u8>),
    Numbers(Vec<f64>),
    Shared(IpcSharedMemory),
}

/// What the other side gets to begin with.
type Ends = (IpcReceiver<Message>, IpcSender<Message>);

fn message(workload: &str) -> Message {
    match workload {
        "mebibyte" => Message::Bytes(vec![7; MEBIBYTE]),
        "numbers" => Message::Numbers(vec![1.0; NUMBERS]),
        "shared" => Message::Shared(IpcSharedMemory::from_byte(7, 8 * NUMBERS)),
        _ => Message::Sample(300, [1.5; 7]),
    }
}

pub(super) fn here(workload: &str, here: &str, there: &str) -> Duration {
    let (server, name) = IpcOneShotServer::<IpcSender<Ends>>::new().expect("a server");
    let mut child = partner("ipc-channel", workload, there, &name);
    let (_, door) = server.accept().expect("the other side");
    let ((out, from), (to, back)) = (channel().expect("one"), channel().expect("another"));
    door.send((from, to)).expect("the other side");
    bind(here);
    back.recv().expect("ready");
    let answers = answers(workload);
    let message = message(workload);
    let mut began = Instant::now();
    let mut making = Duration::ZERO;
    for _ in 0..count(workload) {
        let start = Instant::now();
        // `send` takes the value. What is shared is copied into new memory, as its users must:
        // whoever made it cannot write to it again.
        let one = match &message {
            Message::Shared(memory) => Message::Shared(IpcSharedMemory::from_bytes(memory)),
            other => other.clone(),
        };
        if !matches!(message, Message::Sample(..) | Message::Shared(_)) {
            making += start.elapsed();
        }
        out.send(one).expect("send");
        if answers {
            back.recv().expect("an answer");
        }
    }
    back.recv().expect("the end");
    began += making;
    let took = each(began, workload);
    child.wait().expect("the other side");
    took
}

fn answers(workload: &str) -> bool {
    !matches!(workload, "one-way" | "mebibyte")
}

pub(super) fn there(workload: &str, there: &str, name: &str) {
    let door = IpcSender::<IpcSender<Ends>>::connect(name.to_owned()).expect("the server");
    let (send, receive) = channel().expect("one");
    door.send(send).expect("the server");
    let (from, to) = receive.recv().expect("the ends");
    bind(there);
    to.send(Message::Ready).expect("send");
    for _ in 0..count(workload) {
        let message = from.recv().expect("a message");
        if answers(workload) {
            to.send(message).expect("send");
        } else if let Message::Bytes(bytes) = message {
            std::hint::black_box(sum(&bytes));
        }
    }
    to.send(Message::Ready).expect("send");
}
