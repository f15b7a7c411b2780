//! What waiting costs: processor time of one who waits for a second.

use procession::{Process, Receiver, Sender, bounded, channel};
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

pub(crate) fn print() {
    let (sender, receiver) = channel::<u8>().expect("a channel");
    let waits = |from: Receiver<u8>| {
        let before = used();
        from.recv().expect("a message");
        used().saturating_sub(before)
    };
    let child = Process::new(waits, (receiver,)).start().expect("a child");
    std::thread::sleep(Duration::from_secs(1));
    sender.send(1).expect("it waits");
    let receiving = child.join().expect("a time");

    let (sender, receiver) = bounded::<u8>(1).expect("a channel");
    sender.send(1).expect("room");
    let waits = |to: Sender<u8>| {
        let before = used();
        to.send(2).expect("room at last");
        used().saturating_sub(before)
    };
    let child = Process::new(waits, (sender,)).start().expect("a child");
    std::thread::sleep(Duration::from_secs(1));
    receiver.recv().expect("the first");
    let sending = child.join().expect("a time");
    println!(
        "\nprocessor time of a second's wait: for a message {receiving:?}, for room {sending:?}"
    );
}

fn used() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).expect("a time");
    Duration::new(seconds, u32::try_from(time.tv_nsec).expect("a time"))
}
