//! Children that end with a block.

use crate::support::{METHODS, gone, join, line, stay_until_told, within};
use procession::{Process, scope};

#[test]
fn a_scope_gives_what_its_block_gives() {
    for method in METHODS {
        let total = within("a scope", move || {
            scope(|scope| {
                let start =
                    |n: u64| scope.start(Process::new(|n: u64| n * n, (n,)).start_method(method));
                let children: Vec<_> = (1..=4).map(|n| start(n).expect("a child")).collect();
                children.into_iter().map(|child| child.join().expect("a square")).sum::<u64>()
            })
        });
        assert_eq!(total, 30, "{method}");
    }
}

#[test]
fn a_scope_waits_for_children_whose_handle_was_dropped() {
    for method in METHODS {
        let (mut events, line) = line();
        let (ids, waiting) = std::sync::mpsc::channel();
        let scoped = std::thread::spawn(move || {
            scope(|scope| {
                let plan = Process::new(stay_until_told, (line,)).start_method(method);
                let child = scope.start(plan).expect("a child");
                ids.send(child.id()).expect("the test");
            });
        });
        let id = waiting.recv().expect("an id");
        events.wait("the child");
        assert!(!scoped.is_finished(), "{method}: the scope has ended before its child");
        events.tell();
        within("the scope", move || scoped.join().expect("a scope"));
        gone(id, "a child of an ended scope");
    }
}

#[test]
fn a_child_may_leave_its_scope_as_a_handle_that_does_not_wait() {
    for method in METHODS {
        let mut child = scope(|scope| {
            scope.start(Process::new(|| 8, ()).start_method(method)).expect("a child")
        });
        assert!(!child.is_alive(), "{method}: it outlived its scope");
        assert_eq!(join(child).expect("a value"), 8);
    }
}
