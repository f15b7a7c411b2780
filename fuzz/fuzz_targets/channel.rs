//! A channel whose memory another process writes: any words are messages or an error.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| procession::receive_anything(bytes));
