//! An argument that is a reference.
//~ `&Vec<u8>` cannot be an argument of a process
//~ ^ this argument would have to cross to the child
//~ if it is a reference, pass the value itself

fn total(start: u64, numbers: &Vec<u8>) -> u64 {
    start + numbers.iter().copied().map(u64::from).sum::<u64>()
}

fn main() {
    let numbers = vec![1, 2, 3];
    procession::Process::new(total, (1, &numbers)).start().unwrap();
}
