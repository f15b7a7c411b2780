//! The peers. Their ends cross by a name, as their own documentation has it.

use crate::{Cpus, Message, bind, each};
use ipc_channel::ipc::{self, IpcOneShotServer, IpcReceiver, IpcSender};
use procession::Process;
use std::time::{Duration, Instant};

pub(crate) fn ipc_channel_one_way(cpus: Cpus, count: u32) -> Duration {
    let (server, name) = IpcOneShotServer::<IpcReceiver<Message>>::new().expect("a server");
    let produce = |cpu: u16, count: u32, name: String| {
        bind(cpu);
        let (sender, receiver) = ipc::channel::<Message>().expect("a channel");
        IpcSender::connect(name).expect("a server").send(receiver).expect("somebody listens");
        (0..=count).for_each(|n| sender.send([f64::from(n); 8]).expect("somebody listens"));
    };
    let child = Process::new(produce, (cpus.1, count, name)).start().expect("a process");
    let (_, receiver) = server.accept().expect("the other side");
    receiver.recv().expect("the first");
    let start = Instant::now();
    (0..count).for_each(|_| assert_eq!(receiver.recv().expect("a message").len(), 8));
    let each = each(start, count);
    child.join().expect("it sent");
    each
}

type Ends = (IpcSender<Message>, IpcReceiver<Message>);

pub(crate) fn ipc_channel_there_and_back(cpus: Cpus, count: u32) -> Duration {
    let (server, name) = IpcOneShotServer::<Ends>::new().expect("a server");
    let echo = |cpu: u16, name: String| {
        bind(cpu);
        let (to_me, from_there) = ipc::channel::<Message>().expect("a channel");
        let (to_there, from_me) = ipc::channel::<Message>().expect("a channel");
        let ends: Ends = (to_me, from_me);
        IpcSender::connect(name).expect("a server").send(ends).expect("somebody listens");
        while let Ok(message) = from_there.recv() {
            to_there.send(message).expect("somebody listens");
        }
    };
    let child = Process::new(echo, (cpus.1, name)).start().expect("a process");
    let (_, (sender, receiver)) = server.accept().expect("the other side");
    let turn = |n: u32| {
        sender.send([f64::from(n); 8]).expect("the other side");
        receiver.recv().expect("an answer");
    };
    turn(0);
    let start = Instant::now();
    (0..count).for_each(turn);
    let each = each(start, count);
    drop(sender);
    child.join().expect("it answered");
    each
}
