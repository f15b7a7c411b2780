//! Values that nest deep between processes: each arrives, or is an error of its caller.

use crate::support::{DEADLINE, METHODS};
use procession::connection::{Address, ConnectionError, Listener, connect};
use procession::{Ending, JoinError, Limits, Process, StartErrorKind, channel};
use serde::{Deserialize, Serialize};
use std::thread;

/// More nodes than a value may have levels.
const TOO_MANY: usize = 20_000;
/// Nodes within the levels that a value may have, too many for [`SMALL`] bytes of stack.
const MANY: usize = 3_000;
const SMALL: usize = 256 << 10;
/// The stack of a thread of std's.
const USUAL: usize = 2 << 20;
/// Enough for every list here, also without optimisation.
const LARGE: usize = 256 << 20;

/// A node has no `Drop` of its own, so what a failed decoding drops is dropped by recursion.
#[derive(Debug, Serialize, Deserialize)]
struct Node {
    number: usize,
    next: Option<Box<Node>>,
}

/// A list that is dropped without recursion, once it is whole.
#[derive(Debug, Serialize, Deserialize)]
struct List(Option<Box<Node>>);

impl List {
    fn of(length: usize) -> Self {
        Self((0..length).fold(None, |next, number| Some(Box::new(Node { number, next }))))
    }

    fn len(&self) -> usize {
        std::iter::successors(self.0.as_deref(), |node| node.next.as_deref()).count()
    }
}

impl Drop for List {
    fn drop(&mut self) {
        let mut next = self.0.take();
        while let Some(mut node) = next {
            next = node.next.take();
        }
    }
}

/// Runs `work` in a thread with a stack of this size.
fn on_a_stack_of<T: Send + 'static>(bytes: usize, work: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = thread::Builder::new().stack_size(bytes).spawn(work).expect("a thread");
    thread.join().expect("no panic")
}

/// Joins children that return such a list, on a stack of this size.
fn joined(length: usize, stack: usize) -> Vec<Result<usize, JoinError>> {
    let start = |method| {
        let plan = Process::new(List::of, (length,)).name("nested").start_method(method);
        plan.start().expect("a child")
    };
    METHODS
        .into_iter()
        .map(start)
        .map(|child| on_a_stack_of(stack, move || child.join().map(|list| list.len())))
        .collect()
}

#[test]
fn a_returned_list_of_too_many_levels_is_an_error_and_the_caller_goes_on() {
    for joined in joined(TOO_MANY, USUAL) {
        let error = joined.expect_err("too deep");
        assert!(matches!(error.ending(), Ending::Undecodable(_)), "{error}");
        let text = error.to_string();
        assert!(text.contains("Node") && text.contains("nests deeper than"), "{text}");
    }
}

#[test]
fn a_returned_list_that_the_joining_threads_stack_cannot_hold_is_an_error_there_alone() {
    for joined in joined(MANY, SMALL) {
        let error = joined.expect_err("too deep for this stack");
        assert!(matches!(error.ending(), Ending::Undecodable(_)), "{error}");
        let text = error.to_string();
        assert!(text.contains("deeper than the stack of this thread allows"), "{text}");
    }
    for joined in joined(MANY, LARGE) {
        assert_eq!(joined.expect("it fits"), MANY);
    }
}

#[test]
fn an_argument_of_too_many_levels_is_an_error_of_the_start() {
    for method in METHODS {
        let error = on_a_stack_of(USUAL, move || {
            let plan = Process::new(|list: List| list.len(), (List::of(TOO_MANY),));
            plan.start_method(method).start().expect_err("too deep")
        });
        assert_eq!(error.kind(), StartErrorKind::Encode, "{error}");
        let cause = std::error::Error::source(&error).expect("a cause").to_string();
        assert!(cause.contains("nests deeper than"), "{error}: {cause}");
    }
}

#[test]
fn an_argument_that_the_childs_stack_cannot_hold_is_refused_and_the_function_not_called() {
    for method in METHODS {
        let start = |limits: Limits| {
            on_a_stack_of(LARGE, move || {
                let plan = Process::new(|list: List| list.len(), (List::of(MANY),));
                plan.limits(limits).start_method(method).start().expect("a child")
            })
        };
        let error = start(Limits::new().stack(SMALL as u64)).join().expect_err("too deep");
        assert!(matches!(error.ending(), Ending::Refused(_)), "{error}");
        let text = error.to_string();
        assert!(text.contains("deeper than the stack of this thread allows"), "{text}");
        assert_eq!(start(Limits::new()).join().expect("it fits"), MANY);
    }
}

#[test]
fn a_message_that_the_receiving_threads_stack_cannot_hold_is_an_error_and_the_next_arrives() {
    let (sender, receiver) = channel::<List>().expect("a channel");
    on_a_stack_of(LARGE, move || {
        sender.send(List::of(MANY)).expect("room");
        sender.send(List::of(3)).expect("room");
    });
    on_a_stack_of(SMALL, move || {
        let error = receiver.recv().expect_err("too deep");
        assert!(error.to_string().contains("not of the type expected"), "{error}");
        assert_eq!(receiver.recv().expect("the next").len(), 3);
    });
}

#[test]
fn a_connection_refuses_what_the_receivers_stack_cannot_hold_and_goes_on() {
    let name = format!("procession-nesting-{}", std::process::id());
    let listener = Listener::bind(Address::Abstract(name.clone()), b"key").expect("a listener");
    let ask = |name: String| {
        let address = Address::Abstract(name);
        let mut connection = connect::<List, ()>(&address, b"key").expect("a connection");
        connection.send(&List::of(MANY)).expect("a message");
        connection.send(&List::of(3)).expect("another");
    };
    let child = Process::new(ask, (name,)).start().expect("a child");
    let accepted = listener.accept_timeout::<(), List>(DEADLINE).expect("an accept");
    let mut connection = accepted.expect("the child");
    on_a_stack_of(SMALL, move || {
        let error = connection.recv().expect_err("too deep");
        assert!(matches!(error, ConnectionError::Undecodable(_)), "{error}");
        assert_eq!(connection.recv().expect("the next").len(), 3);
    });
    child.join().expect("it has sent both");
}
