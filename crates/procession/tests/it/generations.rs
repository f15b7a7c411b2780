//! Channels in children, and in the children of children.

#![expect(clippy::needless_pass_by_value, reason = "a process's function owns its arguments")]

use crate::support::{DEADLINE, METHODS, join};
use procession::{Process, Receiver, Sender, StartMethod, Stdio, channel};

fn hand_in(number: u32, results: Sender<u32>) {
    results.send(number).expect("somebody listens");
}

/// Makes a channel of its own, for a child of its own.
fn ask_a_child(number: u32, method: StartMethod) -> u32 {
    let (sender, receiver) = channel().expect("a channel");
    let child = Process::new(hand_in, (number, sender)).start_method(method);
    let child = child.start().expect("a grandchild");
    let handed_in = receiver.recv_timeout(DEADLINE).expect("a number").expect("in time");
    join(child).expect("it handed in");
    handed_in
}

/// Takes the first number, and leaves the rest of the queue to a child of its own.
fn take_one_and_hand_on(from: Receiver<u32>, to: Sender<u32>, method: StartMethod) {
    fn take_all(from: Receiver<u32>, to: Sender<u32>) {
        from.iter().for_each(|number| to.send(number.expect("a number")).expect("a listener"));
    }
    let first = from.recv_timeout(DEADLINE).expect("a number").expect("in time");
    to.send(first).expect("a listener");
    let child = Process::new(take_all, (from, to)).start_method(method);
    join(child.start().expect("a grandchild")).expect("it took the rest");
}

#[test]
fn a_child_without_input_has_a_channel_and_a_child_of_its_own() {
    for method in METHODS {
        let child = Process::new(ask_a_child, (7, method)).start_method(method);
        let child = child.stdin(Stdio::Null).start().expect("a child");
        assert_eq!(join(child).expect("a number"), 7);
    }
}

#[test]
fn a_child_hands_the_channel_it_was_given_on_to_its_own_child() {
    for method in METHODS {
        let (sender, numbers) = channel().expect("a channel");
        let (results, receiver) = channel().expect("a channel");
        let child = Process::new(take_one_and_hand_on, (numbers, results, method));
        let child = child.start_method(method).start().expect("a child");
        (0..100).for_each(|number| sender.send(number).expect("room"));
        drop(sender);
        let all: Vec<u32> = receiver.iter().collect::<Result<_, _>>().expect("numbers");
        assert!(all.into_iter().eq(0..100));
        join(child).expect("both took their share");
    }
}
