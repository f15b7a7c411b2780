//! Functions are found by their module and their place in it, whichever module that is.

use procession::Process;
use shelf::{METHODS, length_in_a_process, size_of_both, twice, twice_by_a_grandchild};

/// How many starts of constructors lie between the program and this process.
const DEPTH: &str = "SHELF_CONSTRUCTORS";

// The library is loaded before the program, so its own constructor, which wakes servers and
// children, comes before these.
hostile::constructors!(start_in_constructor);

fn start_in_constructor(which: &str) {
    let Ok(depth) = std::env::var(DEPTH) else { return };
    let depth: u32 = depth.parse().expect("a number");
    if depth < 3 {
        hostile::set_variable(DEPTH, &(depth + 1).to_string());
        let value = Process::new(twice, (21,)).start().map(|child| child.join());
        println!("{which}, depth {depth}: {value:?}");
        hostile::set_variable(DEPTH, &depth.to_string());
    }
}

#[test]
fn a_constructor_behind_that_of_the_library_is_refused_in_a_server() {
    let program = std::env::current_exe().expect("this program");
    let mut command = std::process::Command::new(program);
    let output = command.arg("--list").env(DEPTH, "0").output().expect("it starts");
    let said = String::from_utf8(output.stdout).expect("text");
    for which in ["first", "among others"] {
        let right = format!("{which}, depth 0: Ok(Ok(42))");
        assert_eq!(said.lines().filter(|line| *line == right).count(), 1, "{said}");
        let refused = format!("{which}, depth 1: Err(");
        assert_eq!(said.lines().filter(|line| line.starts_with(&refused)).count(), 1, "{said}");
    }
    assert!(!said.contains("depth 2"), "{said}");
}

fn thrice(number: u32) -> u32 {
    number * 3
}

#[test]
fn functions_of_the_library_and_of_the_program_are_both_found() {
    for method in METHODS {
        let theirs = Process::new(twice, (21,)).start_method(method).start().expect("a start");
        let ours = Process::new(thrice, (14,)).start_method(method).start().expect("a start");
        assert_eq!(theirs.join().expect("a value"), 42, "{method}");
        assert_eq!(ours.join().expect("a value"), 42, "{method}");
    }
}

#[test]
fn a_generic_function_of_the_library_is_found_for_the_programs_types() {
    struct Ours {
        _bytes: [u8; 3],
    }
    for method in METHODS {
        let plan = Process::new(size_of_both::<Ours, [u8; 4]>, ());
        let child = plan.start_method(method).start().expect("a start");
        assert_eq!(child.join().expect("a value"), 7, "{method}");
    }
}

#[test]
fn the_library_starts_processes_by_itself() {
    for method in METHODS {
        assert_eq!(length_in_a_process("four", method), 4);
    }
}

#[test]
fn a_child_starts_children_of_its_own() {
    let child = Process::new(twice_by_a_grandchild, (4,)).start().expect("a start");
    assert_eq!(child.join().expect("a value"), 8);
}

#[test]
fn a_panic_in_the_library_is_told_as_one() {
    let child = Process::new(|| -> u32 { panic!("in the program") }, ()).start().expect("a start");
    assert!(child.join().expect_err("a panic").is_panic());
    let child = Process::new(twice, (u32::MAX,)).start().expect("a start");
    assert!(child.join().expect_err("an overflow").is_panic());
}

#[test]
fn the_program_has_two_modules() {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("/proc is mounted");
    assert!(maps.lines().any(|line| line.contains("libshelf")), "the library is loaded");
}
