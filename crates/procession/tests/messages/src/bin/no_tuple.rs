//! A single argument without its comma.
//~ expected `(u32,)`, found `u32`
//~ use a trailing comma

fn double(number: u32) -> u32 {
    2 * number
}

fn main() {
    procession::Process::new(double, 3_u32).start().unwrap();
}
