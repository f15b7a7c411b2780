//! Values: any bytes are a value that can be written again, or an error.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| procession::decode_anything(bytes));
