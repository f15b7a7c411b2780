//! Handles of memory: any bytes with any descriptors are usable memory or an error.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| procession::adopt_anything(bytes));
