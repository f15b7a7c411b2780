//! The memory of long messages, `channel/loan.rs`: written again once it was given back.

use crate::{Change, Watched, change, explore, must_notice};
use loom::sync::atomic::{AtomicU32, Ordering};
use loom::sync::{Condvar, Mutex};
use loom::thread;
use std::sync::Arc;

const FREE: u32 = 0;
const LENT: u32 = 1;

/// One piece of memory, and the annex, whose order is the kernel's.
struct Loan {
    state: AtomicU32,
    bytes: Watched,
    under_way: Mutex<bool>,
    arrived: Condvar,
    change: Change,
}

impl Loan {
    /// Writes and sends, where the memory is free; whether it was.
    fn send(&self, message: u32) -> bool {
        let taking = match self.change {
            Change::TakeRelaxed => Ordering::Relaxed,
            _ => Ordering::Acquire,
        };
        let taken = self.state.compare_exchange(FREE, LENT, taking, Ordering::Relaxed).is_ok();
        if taken {
            self.bytes.write(message);
            *self.under_way.lock().expect("the annex") = true;
            self.arrived.notify_one();
        }
        taken
    }

    /// Receives, copies out and gives the memory back.
    fn receive(&self) -> u32 {
        let mut under_way = self.under_way.lock().expect("the annex");
        while !*under_way {
            under_way = self.arrived.wait(under_way).expect("the annex");
        }
        *under_way = false;
        drop(under_way);
        let giving = match self.change {
            Change::GiveRelaxed => Ordering::Relaxed,
            _ => Ordering::Release,
        };
        if self.change == Change::GiveFirst {
            self.state.store(FREE, giving);
        }
        let message = self.bytes.read();
        self.state.store(FREE, giving);
        message
    }
}

/// One sends twice in the same memory, if it may; the other receives the first.
fn lend_twice(change: Change) {
    let loan = Arc::new(Loan {
        state: AtomicU32::new(FREE),
        bytes: Watched::new(),
        under_way: Mutex::new(false),
        arrived: Condvar::new(),
        change,
    });
    let there = Arc::clone(&loan);
    let receiver = thread::spawn(move || assert_eq!(there.receive(), 1));
    assert!(loan.send(1));
    loan.send(2);
    receiver.join().expect("the receiver");
}

#[test]
fn lent_memory_is_written_again_only_when_it_was_read() {
    explore(3, || lend_twice(change()));
}

#[test]
fn every_order_of_a_loan_is_needed() {
    for change in [Change::TakeRelaxed, Change::GiveRelaxed, Change::GiveFirst] {
        must_notice("loan::lent_memory_is_written_again_only_when_it_was_read", change);
    }
}
