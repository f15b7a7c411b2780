//! Two programs that know different versions of a type and talk over a connection: what arrives is
//! the value that was sent, or an error that names what is unknown; never another value.

#![expect(clippy::needless_pass_by_value, reason = "a process's function owns its arguments")]

use crate::support::DEADLINE;
use procession::connection::{Address, Connection, ConnectionError, Listener, connect};
use procession::{Child, Process, Value};
use std::fmt::Debug;

const KEY: &[u8] = b"the key of both programs";

/// What the older program knows.
mod old {
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub(super) enum Order {
        Start,
        Stop,
        Move { x: i32, y: i32 },
        Say(String),
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct Item {
        pub(super) price: u32,
        pub(super) count: u32,
    }
}

/// The same in the newer program: a variant in front, `Stop` renamed, fields in another order, and
/// fields added.
mod new {
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub(super) enum Order {
        Pause,
        Start,
        Halt,
        Move {
            y: i32,
            x: i32,
            #[serde(default)]
            fast: bool,
        },
        Say(String, u8),
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct Item {
        pub(super) discount: u32,
        pub(super) count: u32,
        pub(super) price: u32,
    }
}

/// A program that sends these values to the listener with this name.
fn send_all<T: Value>(name: String, values: Vec<T>) {
    let mut connection = connect::<T, ()>(&Address::Abstract(name), KEY).expect("a connection");
    for value in &values {
        connection.send(value).expect("a message");
    }
}

/// Another process that sends `values`, and what this process, which expects a `U`, receives.
fn received<T: Value + Clone + Debug, U: Value>(
    test: &str,
    values: &[T],
) -> Vec<Result<U, ConnectionError>> {
    let name = format!("procession-{test}-{}", std::process::id());
    let listener = Listener::bind(Address::Abstract(name.clone()), KEY).expect("a listener");
    let sender: Child<()> =
        Process::new(send_all::<T>, (name, values.to_vec())).start().expect("a child");
    let accepted = listener.accept_timeout::<(), U>(DEADLINE).expect("an accept");
    let mut connection: Connection<(), U> = accepted.expect("the child");
    let mut receive = || match connection.recv_timeout(DEADLINE) {
        Ok(value) => Ok(value.expect("it was sent")),
        Err(error) => Err(error),
    };
    let results = values.iter().map(|_| receive()).collect();
    sender.join().expect("it sent them all");
    results
}

/// The reason why a message was refused, once it is certain that it was refused as no value of the
/// type.
fn refusal<U: Debug>(result: Result<U, ConnectionError>) -> String {
    let error = result.expect_err("this version does not know it");
    assert!(matches!(error, ConnectionError::Undecodable(_)), "{error}");
    std::error::Error::source(&error).expect("why").to_string()
}

#[test]
fn variants_of_an_older_program_are_the_same_in_a_newer_one_or_refused_by_name() {
    let sent = [
        old::Order::Start,
        old::Order::Stop,
        old::Order::Move { x: 1, y: 2 },
        old::Order::Say("hello".into()),
        old::Order::Start,
    ];
    let mut results = received::<_, new::Order>("older", &sent).into_iter();
    let mut next = || results.next().expect("a result for each");
    assert_eq!(next().expect("both have it"), new::Order::Start);
    let renamed = refusal(next());
    assert!(renamed.contains("unknown variant `Stop`") && renamed.contains("`Halt`"), "{renamed}");
    let moved = new::Order::Move { x: 1, y: 2, fast: false };
    assert_eq!(next().expect("the field has a default"), moved);
    let more = refusal(next());
    assert!(more.contains("variant `Say`"), "{more}");
    // An unknown message does not spoil the next.
    assert_eq!(next().expect("both have it"), new::Order::Start);
}

#[test]
fn variants_of_a_newer_program_are_the_same_in_an_older_one_or_refused_by_name() {
    let sent = [
        new::Order::Pause,
        new::Order::Start,
        new::Order::Halt,
        new::Order::Move { y: 2, x: 1, fast: true },
        new::Order::Say("hello".into(), 3),
    ];
    let mut results = received::<_, old::Order>("newer", &sent).into_iter();
    let mut next = || results.next().expect("a result for each");
    let added = refusal(next());
    assert!(added.contains("Order") && added.contains("unknown variant `Pause`"), "{added}");
    assert_eq!(next().expect("both have it"), old::Order::Start);
    let renamed = refusal(next());
    assert!(renamed.contains("unknown variant `Halt`") && renamed.contains("`Stop`"), "{renamed}");
    assert_eq!(next().expect("by name"), old::Order::Move { x: 1, y: 2 });
    let less = refusal(next());
    assert!(less.contains("variant `Say`"), "{less}");
}

#[test]
fn fields_of_another_version_are_found_by_name_or_missed_by_name() {
    let items = [old::Item { price: 7, count: 3 }];
    let mut results = received::<_, new::Item>("fewer-fields", &items);
    let missed = refusal(results.remove(0));
    assert!(missed.contains("Item") && missed.contains("missing field `discount`"), "{missed}");
    let items = [new::Item { discount: 1, count: 3, price: 7 }];
    let mut results = received::<_, old::Item>("more-fields", &items);
    assert_eq!(results.remove(0).expect("by name"), old::Item { price: 7, count: 3 });
}

#[test]
fn vectors_of_another_versions_numbers_have_the_same_numbers_or_are_refused() {
    let sent = [vec![1_u32, 300, 70_000], vec![1, 2, 3]];
    let wider = received::<_, Vec<u64>>("wider", &sent);
    assert_eq!(wider[0].as_ref().expect("they fit"), &[1, 300, 70_000]);
    assert_eq!(wider[1].as_ref().expect("they fit"), &[1, 2, 3]);
    let mut narrower = received::<_, Vec<u8>>("narrower", &sent);
    assert_eq!(narrower.remove(1).expect("they fit"), [1, 2, 3]);
    let refused = refusal(narrower.remove(0));
    assert!(refused.contains("300"), "{refused}");
}
