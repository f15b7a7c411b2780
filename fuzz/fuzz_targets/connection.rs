//! Sockets: any bytes are refused, or messages, never a panic or a proof.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| procession::hear_anything(bytes));
