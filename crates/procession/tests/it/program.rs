//! The program whose function a process runs: its file, its arguments.

use crate::support::{Directory, METHODS, alone_as, is_alone, join, known_to_a_child};
use procession::Process;

#[test]
fn functions_are_found_in_a_program_that_is_renamed_or_deleted_while_it_runs() {
    let place = (!is_alone()).then(|| Directory::new("renamed"));
    let path = std::env::current_exe().expect("this program");
    let copy = place.as_ref().map_or(path.clone(), |place| place.0.join("original"));
    if place.is_some() {
        std::fs::copy(path, &copy).expect("a copy");
    }
    alone_as(&copy, &[], || {
        let start_both = |moment: &str| {
            for method in METHODS {
                let plan = Process::new(|n: u32| n + 1, (1,)).start_method(method);
                let child = plan.start().unwrap_or_else(|error| panic!("{moment}: {error}"));
                assert_eq!(join(child).expect("a value"), 2, "{moment}, {method}");
            }
        };
        let file = std::env::current_exe().expect("this program");
        let renamed = file.with_file_name("renamed");
        std::fs::rename(&file, &renamed).expect("renamed");
        start_both("renamed");
        // Another file in its place is not what runs.
        std::fs::write(&file, "#!/bin/false").expect("another file");
        start_both("replaced");
        std::fs::remove_file(&renamed).expect("removed");
        start_both("deleted");
    });
}

#[test]
#[cfg_attr(
    panic = "abort",
    ignore = "a harness that aborts runs each test in a process of its own, which has no arguments"
)]
fn a_program_with_thousands_of_arguments_starts_processes() {
    // To the test harness, names of tests that there are not.
    let arguments: Vec<String> = (0..5_000).map(|number| format!("no_test_{number}")).collect();
    let program = std::env::current_exe().expect("this program");
    alone_as(&program, &arguments, || {
        let own: Vec<String> = std::env::args().collect();
        assert!(own.len() > 5_000);
        let own = known_to_a_child(own);
        for method in METHODS {
            let arguments = || std::env::args().collect::<Vec<_>>();
            let child = Process::new(arguments, ()).start_method(method).start().expect("a child");
            assert_eq!(join(child).expect("arguments"), own, "{method}");
        }
    });
}
