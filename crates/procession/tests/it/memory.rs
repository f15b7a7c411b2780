//! Shared memory between processes: what one writes the other sees, and what deaths leave behind.

#![expect(clippy::needless_pass_by_value, reason = "a process's function owns its arguments")]
#![expect(clippy::cast_possible_wrap, reason = "small numbers")]
#![expect(clippy::float_cmp, reason = "the same sum, in the same order")]

use crate::support::{DEADLINE, METHODS, join, rounds};
use procession::memory::Frozen;
use procession::{Process, Sender, Shared, SharedMemory, SharedSlice, channel};
use serde::{Deserialize, Serialize};
use std::sync::atomic::Ordering;
use std::time::Duration;

#[test]
fn a_child_works_on_a_shared_slice_in_place() {
    fn prefix_sums(values: SharedSlice<i64>) {
        for index in 1..values.len() {
            values.set(index, values.get(index) + values.get(index - 1));
        }
    }
    for method in METHODS {
        let values = SharedSlice::of(&(1..=1_000).collect::<Vec<i64>>()).expect("memory");
        let child = Process::new(prefix_sums, (values.clone(),)).start_method(method).start();
        join(child.expect("a child")).expect("sums");
        assert!(values.iter().enumerate().all(|(n, sum)| sum == ((n + 1) * (n + 2) / 2) as i64));
    }
}

#[test]
fn frozen_memory_is_read_in_place_by_a_child() {
    let values: Vec<f64> = (0..1 << 20).map(f64::from).collect();
    let frozen = Frozen::of(&values).expect("memory");
    let sum = |values: Frozen<f64>| values.iter().sum::<f64>();
    let child = Process::new(sum, (frozen.clone(),)).start().expect("a child");
    assert_eq!(join(child).expect("a sum"), frozen.iter().sum::<f64>());
}

#[test]
fn a_child_gets_memory_through_a_channel_and_answers_in_it() {
    fn fill(memories: procession::Receiver<SharedMemory>, done: Sender<usize>) {
        for memory in &memories {
            let memory = memory.expect("memory");
            memory.write(0, &vec![7; memory.len()]);
            done.send(memory.len()).expect("somebody listens");
        }
    }
    let (memories, from) = channel().expect("a channel");
    let (done, is_done) = channel().expect("a channel");
    let child = Process::new(fill, (from, done)).start().expect("a child");
    for size in [1, 5_000, 1 << 20] {
        let memory = SharedMemory::new(size).expect("memory");
        memories.send(memory.clone()).expect("the child listens");
        assert_eq!(is_done.recv_timeout(DEADLINE).expect("it fills"), Some(size));
        assert!(memory.bytes().iter().all(|byte| byte.load(Ordering::Relaxed) == 7));
    }
    drop(memories);
    join(child).expect("it filled");
}

/// Processes that change one value as fast as they can are killed at random moments: whoever looks
/// sees all numbers of the value equal, and goes on changing it.
#[test]
fn a_value_survives_the_death_of_whoever_changes_it() {
    fn change(value: Shared<[u64; 40]>, ready: Sender<()>) {
        ready.send(()).expect("the test listens");
        loop {
            value.update(|numbers| numbers.map(|number| number + 1));
        }
    }
    let value = Shared::new([0; 40]).expect("memory");
    let (ready, is_ready) = channel().expect("a channel");
    let start = || {
        let child = Process::new(change, (value.clone(), ready.clone())).daemon(true).start();
        let child = child.expect("a child");
        is_ready.recv_timeout(DEADLINE).expect("senders live").expect("it runs");
        child
    };
    let mut children = [start(), start()];
    for round in 0..rounds(200) {
        std::thread::sleep(Duration::from_micros(round * 37 % 500));
        let victim = (round % 2) as usize;
        let victim = std::mem::replace(&mut children[victim], start());
        victim.kill().expect("a signal");
        assert_eq!(join(victim).expect_err("killed").signal(), Some(9));
        let seen = value.update(|numbers| numbers.map(|number| number + 1));
        assert!(seen.iter().all(|&number| number == seen[0]), "round {round}: torn: {seen:?}");
    }
    for child in children {
        child.kill().expect("a signal");
        join(child).expect_err("killed");
    }
}

/// As an argument, a value and a message, on either side of where bytes leave the packet or ring.
#[test]
fn vectors_of_numbers_cross_by_value_at_every_size() {
    fn reverse(mut numbers: Vec<f64>) -> Vec<f64> {
        numbers.reverse();
        numbers
    }
    let echo = |from: procession::Receiver<Vec<f64>>, to: Sender<Vec<f64>>| {
        for numbers in &from {
            to.send(reverse(numbers.expect("numbers"))).expect("somebody listens");
        }
    };
    let (numbers, from) = channel().expect("a channel");
    let (to, reversed) = channel().expect("a channel");
    let echo = Process::new(echo, (from, to)).start().expect("a child");
    for length in [0, 1, 500, 513, 8_190, 8_191, 8_192, 8_193, 3 << 20] {
        let sent: Vec<f64> = (0..length).map(f64::from).collect();
        let back: Vec<f64> = sent.iter().rev().copied().collect();
        let child = Process::new(reverse, (sent.clone(),)).start().expect("a child");
        assert!(join(child).expect("a value") == back, "{length} numbers as argument and value");
        numbers.send(sent).expect("the child listens");
        let received = reversed.recv_timeout(DEADLINE).expect("the child lives");
        assert!(received == Some(back), "{length} numbers as messages");
    }
    drop(numbers);
    join(echo).expect("it echoed");
}

/// Beside other arguments, and in a field that says so.
#[test]
fn vectors_of_numbers_cross_beside_other_arguments_and_in_fields() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Signal {
        rate: u32,
        #[serde(with = "procession::bulk")]
        samples: Vec<i16>,
    }
    fn cut(samples: Vec<i16>, rate: u32, places: Vec<usize>, name: &str) -> (Signal, String) {
        let samples = places.into_iter().map(|place| samples[place]).collect();
        (Signal { rate, samples }, name.to_uppercase())
    }
    for length in [0_i16, 1, 100, 32_000] {
        let samples: Vec<i16> = (0..length).collect();
        let places: Vec<usize> = (0..samples.len()).rev().collect();
        let expected = Signal { rate: 48_000, samples: (0..length).rev().collect() };
        for method in METHODS {
            let arguments = (samples.clone(), 48_000, places.clone(), "left");
            let child = Process::new(cut, arguments).start_method(method).start();
            let (signal, name) = join(child.expect("a child")).expect("a signal");
            assert!(signal == expected && name == "LEFT", "{length} numbers, {method}");
        }
    }
}

#[cfg(feature = "ndarray")]
#[test]
fn processes_see_the_same_memory_as_arrays() {
    use ndarray::{Array3, Axis};
    fn add_layer(stack: SharedSlice<u16>, layer: Frozen<u16>, at: usize) {
        let layer = layer.view((3, 5)).expect("as many as a layer has");
        stack.for_each_row((4, 3, 5), at..at + 1, |_, mut whole| whole += &layer);
    }
    let stack = SharedSlice::of_array(&Array3::<u16>::ones((4, 3, 5)).view()).expect("memory");
    // Turned, so that it does not lie in memory as it is read.
    let layer = ndarray::Array2::from_shape_vec((5, 3), (0..15_u16).collect()).expect("15");
    let frozen = Frozen::of_array(&layer.t()).expect("memory");
    let children = [0, 2].map(|at| {
        Process::new(add_layer, (stack.clone(), frozen.clone(), at)).start().expect("a child")
    });
    for child in children {
        join(child).expect("it added");
    }
    let all = stack.to_array((4, 3, 5)).expect("all of it");
    for (at, whole) in all.axis_iter(Axis(0)).enumerate() {
        let expected = if at % 2 == 0 { &layer.t() + 1 } else { layer.t().map(|_| 1) };
        assert_eq!(whole, expected, "layer {at}");
    }
    stack.to_array((5, 3, 5)).expect_err("more than there is");
    frozen.view((4, 4)).expect_err("more than there is");
    let frozen = stack.freeze().expect("nobody else has it");
    assert_eq!(frozen.view((4, 3, 5)).expect("all of it"), all);
}
