//! More arguments than a tuple may have.
//~ not a tuple of at most eight arguments
//~ a function with more than eight parameters takes a struct instead

fn sum(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8) -> u8 {
    a + b + c + d + e + f + g + h + i
}

fn main() {
    procession::Process::new(sum, (1, 2, 3, 4, 5, 6, 7, 8, 9)).start().unwrap();
}
