//! Functions in a library that programs load as they start, procession with them.
//!
//! In: values. Out: values of other processes. What always holds: the library is one ELF module and
//! the program that uses it another; procession is in this one.

use procession::{Process, StartMethod};

/// How processes are started.
pub const METHODS: [StartMethod; 2] = [StartMethod::ForkServer, StartMethod::Spawn];

/// A function of this module.
pub fn twice(number: u32) -> u32 {
    number * 2
}

/// A function that exists once for each type, in whichever module uses it.
pub fn size_of_both<A: 'static, B: 'static>() -> usize {
    size_of::<A>() + size_of::<B>()
}

/// Starts a closure of this module by itself.
pub fn length_in_a_process(text: &str, method: StartMethod) -> usize {
    let plan = Process::new(|text: String| text.len(), (text.to_owned(),));
    plan.start_method(method).start().expect("a start").join().expect("a value")
}

/// Starts a process that starts one.
pub fn twice_by_a_grandchild(number: u32) -> u32 {
    let child = Process::new(twice, (number,)).start().expect("a start");
    child.join().expect("a value")
}
