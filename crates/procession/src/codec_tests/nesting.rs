//! Values that nest deep: each crosses or is an error, on a stack of any size.

use super::{DecodeError, EncodeError, LEVELS, try_read, try_written};
use serde::{Deserialize, Serialize};

const LEVELS_IN_A_MESSAGE: usize = LEVELS as usize;

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Node {
    text: String,
    next: Option<Box<Node>>,
}

#[derive(Serialize, Deserialize)]
struct Wrapper(Option<Box<Wrapper>>);

#[derive(Serialize, Deserialize)]
enum Either {
    Leaf,
    Branch(Vec<Either>),
}

fn list(length: usize) -> Node {
    (1..length).fold(Node::default(), |next, _| Node {
        text: "partial values have destructors".into(),
        next: Some(Box::new(next)),
    })
}

/// Takes a list apart without recursion.
fn length(mut list: Node) -> usize {
    let mut length = 1;
    while let Some(next) = list.next.take() {
        (list, length) = (*next, length + 1);
    }
    length
}

fn on_a_stack_of<T: Send + 'static>(bytes: usize, work: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::Builder::new().stack_size(bytes).spawn(work);
    thread.expect("a thread").join().expect("no panic")
}

/// The message of a list, written where the stack is as long as it takes.
fn message(nodes: usize) -> Result<Vec<u8>, EncodeError> {
    on_a_stack_of(1 << 30, move || {
        let list = list(nodes);
        let written = try_written(&list);
        length(list);
        written
    })
}

fn read_on(bytes: usize, message: Vec<u8>) -> Result<usize, DecodeError> {
    on_a_stack_of(bytes, move || try_read(&message).map(length))
}

#[test]
fn a_list_longer_than_the_limit_is_an_error_at_the_sender() {
    assert_eq!(
        read_on(1 << 30, message(LEVELS_IN_A_MESSAGE).expect("a message")),
        Ok(LEVELS_IN_A_MESSAGE)
    );
    let error = message(LEVELS_IN_A_MESSAGE + 1).expect_err("too deep").to_string();
    assert!(error.contains("Node") && error.contains("deeper than 10000 levels"), "{error}");
    message(20_000).expect_err("too deep");
}

#[test]
fn a_list_that_this_stack_cannot_hold_is_an_error() {
    let whole = message(LEVELS_IN_A_MESSAGE).expect("a message");
    for stack in [64 << 10, 256 << 10, 512 << 10] {
        let error = read_on(stack, whole.clone()).expect_err("too deep for it").to_string();
        assert!(error.contains("deeper than the stack of this thread allows"), "{error}");
        let written = on_a_stack_of(stack, || {
            let list = list(LEVELS_IN_A_MESSAGE);
            let written = try_written(&list);
            length(list);
            written.map(|_| ()).map_err(|error| error.to_string())
        });
        // Writing takes less than reading does.
        if let Err(error) = written {
            assert!(error.contains("deeper than the stack of this thread allows"), "{error}");
        }
    }
}

#[test]
fn a_short_list_crosses_on_the_smallest_stack() {
    assert_eq!(read_on(64 << 10, message(5).expect("a message")), Ok(5));
}

#[test]
fn options_that_wrap_options_are_checked_as_well() {
    let depth = 1_000_000;
    let wrapped = on_a_stack_of(1 << 20, move || {
        let mut wrapper = Wrapper(None);
        for _ in 0..depth {
            wrapper = Wrapper(Some(Box::new(wrapper)));
        }
        let error = try_written(&wrapper).expect_err("too deep").to_string();
        while let Some(next) = wrapper.0.take() {
            wrapper = *next;
        }
        error
    });
    assert!(wrapped.contains("deeper than the stack"), "{wrapped}");
    // As another program may have written it.
    let bytes = [&[0xe0][..], &vec![0x03; depth], &[0x02]].concat();
    let error =
        on_a_stack_of(1 << 20, move || try_read::<Wrapper>(&bytes).err().map(|e| e.to_string()));
    assert!(error.expect("too deep").contains("deeper than the stack"));
}

#[test]
fn values_of_any_form_that_nest_without_end_are_errors() {
    fn check<T: for<'de> Deserialize<'de>>(piece: &[u8]) {
        let bytes = [&[0xe0][..], &piece.repeat(1_000_000)].concat();
        on_a_stack_of(1 << 20, move || try_read::<T>(&bytes).err().expect("too deep"));
    }
    check::<serde_json::Value>(&[0x09, 1, 0, 0, 0]);
    check::<serde_json::Value>(&[0x03]);
    check::<serde_json::Value>(&[0x0a, 1, 0, 0, 0]);
    check::<serde::de::IgnoredAny>(&[0x09, 1, 0, 0, 0]);
    let branch = [&[0xe1][..], &[0x0e, 0, 0, 0, 0, 0x09, 1, 0, 0, 0].repeat(100_000)].concat();
    let names = [8, 0, 0, 0, 1, 6, b'B', b'r', b'a', b'n', b'c', b'h', 12, 0, 0, 0];
    let bytes = [&branch[..], &names].concat();
    on_a_stack_of(1 << 20, move || try_read::<Either>(&bytes).err().expect("too deep"));
}

#[test]
fn a_list_of_large_structs_is_an_error_where_the_stack_ends() {
    #[derive(Serialize, Deserialize)]
    struct Page {
        words: [[u64; 32]; 32],
        next: Option<Box<Page>>,
    }
    let message = on_a_stack_of(64 << 20, || {
        let first = Page { words: [[1; 32]; 32], next: None };
        let next = |next, n| Page { words: [[n; 32]; 32], next: Some(Box::new(next)) };
        super::written(&(0..200).fold(first, next))
    });
    for stack in [256 << 10, 1 << 20, 2 << 20] {
        let message = message.clone();
        let error = on_a_stack_of(stack, move || try_read::<Page>(&message).err());
        let error = error.expect("no room").to_string();
        assert!(error.contains("deeper than the stack"), "{error}");
    }
}
