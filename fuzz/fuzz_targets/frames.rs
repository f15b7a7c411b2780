//! The readers of the corridor: any bytes are a frame or an error, never a panic.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| procession::read_anything(bytes));
