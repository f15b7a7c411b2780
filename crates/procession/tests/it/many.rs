//! Many processes at once.

use crate::support::{METHODS, join, line, stay, within};
use procession::Process;

#[test]
fn several_threads_start_processes_at_once() {
    let results = within("forty processes of eight threads", || {
        let threads: Vec<_> = (0..8_u64)
            .map(|thread| {
                std::thread::spawn(move || {
                    let start = |n: u64| {
                        let method = METHODS[usize::try_from(n % 2).expect("small")];
                        let plan = Process::new(|n: u64| n + 1, (n,)).start_method(method);
                        plan.start().expect("a child").join().expect("a number")
                    };
                    (0..5).map(|n| start(thread * 5 + n)).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a thread")).collect::<Vec<_>>()
    });
    assert_eq!(results, (1..=40).collect::<Vec<_>>());
}

#[test]
fn a_hundred_children_at_once_all_give_their_values() {
    for method in METHODS {
        let start = |n: u32| Process::new(|n: u32| n * n, (n,)).start_method(method).start();
        let children: Vec<_> = (0..100).map(|n| start(n).expect("a child")).collect();
        let squares: Vec<u32> =
            children.into_iter().map(|child| join(child).expect("a square")).collect();
        assert_eq!(squares, (0..100).map(|n| n * n).collect::<Vec<_>>(), "{method}");
    }
}

#[test]
fn a_hundred_sleepers_are_all_terminated() {
    for method in METHODS {
        let sleepers: Vec<_> = (0..100)
            .map(|_| {
                let (mut events, line) = line();
                let child = Process::new(stay, (line,)).start_method(method).start();
                (child.expect("a child"), {
                    events.wait("a sleeper");
                    events
                })
            })
            .collect();
        for (child, _) in &sleepers {
            child.terminate().expect("SIGTERM");
        }
        for (child, _events) in sleepers {
            let error = join(child).expect_err("it was terminated");
            assert_eq!(error.signal(), Some(15), "{method}: {error}");
        }
    }
}
