//! What holds for every public error of this crate: it crosses threads, and each text of its chain is
//! printed once.

use crate::channel::{RecvError, SendError, SendFailure};
use crate::connection::{Address, BindError, ConnectError, ConnectionError};
use crate::ending::{Ending, JoinError};
use crate::failure::Failure;
use crate::parcel;
use crate::start_error::{Cause, StartError, StartErrorKind};
use crate::value_error::{DecodeError, EncodeError};
use std::error::Error;
use std::io;

fn system() -> io::Error {
    io::Error::from_raw_os_error(13)
}

/// Cannot be encoded.
struct Secret;

impl serde::Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("it must not be told"))
    }
}

fn encode_error() -> EncodeError {
    parcel::encode(Vec::new(), &Secret).expect_err("it is secret")
}

fn decode_error() -> DecodeError {
    parcel::decode::<String>(parcel::encode(Vec::new(), &[9_u8; 9]).expect("a parcel"), 0)
        .expect_err("not a text")
}

/// One error of each kind that has a source, and of some that have none.
fn errors() -> Vec<Box<dyn Error>> {
    let address = || Address::Path("/run/adder.socket".into());
    let start = |cause| Box::new(StartError::new("adder", cause)) as Box<dyn Error>;
    let failure = || Failure::of(&system()).context("cannot read the list");
    let why = || "the fork server cannot make it".to_owned();
    vec![
        start(Cause::Encode(encode_error())),
        start(Cause::Option { which: "its environment".to_owned(), source: system() }),
        start(Cause::System { doing: "sending its start", source: system() }),
        start(Cause::NotStarted { why: why(), source: Some(system()) }),
        start(Cause::NotStarted { why: why(), source: None }),
        start(Cause::Server("it ended".to_owned())),
        Box::new(JoinError::new("adder", 7, Ending::Failed(failure()), b"last words\n")),
        Box::new(JoinError::new("adder", 7, Ending::Exited(1), b"last words\n")),
        Box::new(failure()),
        Box::new(BindError::InUse { address: address(), source: system() }),
        Box::new(BindError::Refused { address: address(), source: system() }),
        Box::new(ConnectError::Unreachable { address: address(), source: system() }),
        Box::new(ConnectError::Broken { address: address(), source: system() }),
        Box::new(ConnectError::WrongKey { address: address() }),
        Box::new(ConnectionError::Unencodable(encode_error())),
        Box::new(ConnectionError::Undecodable(decode_error())),
        Box::new(ConnectionError::Broken(system())),
        Box::new(SendError::new(3, SendFailure::Unencodable(encode_error()))),
        Box::new(SendError::new(3, SendFailure::Broken(system()))),
        Box::new(RecvError::Undecodable(decode_error())),
        Box::new(RecvError::Broken(system())),
        #[cfg(feature = "heartbeat")]
        Box::new(crate::HeartbeatError::Start(StartError::new(
            "heartbeat",
            Cause::Encode(encode_error()),
        ))),
        #[cfg(feature = "heartbeat")]
        Box::new(crate::HeartbeatError::System { doing: "making its page", source: system() }),
    ]
}

fn chain(error: &dyn Error) -> Vec<String> {
    let causes = error.source().map(chain).unwrap_or_default();
    [vec![error.to_string()], causes].concat()
}

#[test]
fn each_text_of_a_chain_is_printed_once() {
    for error in errors() {
        let chain = chain(&*error);
        for (place, text) in chain.iter().enumerate() {
            assert!(!text.is_empty(), "{chain:?}");
            let twice = chain.iter().skip(place + 1).find(|cause| text.contains(*cause));
            assert_eq!(twice, None, "{chain:?}");
        }
    }
}

#[test]
fn errors_with_a_cause_give_it_as_their_source() {
    let with_source = errors().iter().filter(|error| error.source().is_some()).count();
    let without = errors().len() - with_source;
    assert_eq!(without, 4, "NotStarted and Server of a start, Exited, WrongKey");
}

#[test]
fn every_error_can_be_sent_to_and_shared_with_other_threads() {
    fn check<E: Error + Send + Sync + 'static>() {}
    check::<StartError>();
    check::<JoinError>();
    check::<Failure>();
    check::<BindError>();
    check::<ConnectError>();
    check::<ConnectionError>();
    check::<SendError<u8>>();
    check::<RecvError>();
    check::<EncodeError>();
    check::<DecodeError>();
    #[cfg(feature = "heartbeat")]
    check::<crate::HeartbeatError>();
}

#[test]
fn the_kind_of_a_start_error_says_what_can_be_done() {
    let number = io::Error::from_raw_os_error;
    let kind = |cause| StartError::new("adder", cause).kind();
    let system = |source| Cause::System { doing: "making its corridor", source };
    let option = |source| Cause::Option { which: "its environment".to_owned(), source };
    let refused = |source| Cause::NotStarted { why: "it cannot be made".to_owned(), source };
    assert_eq!(kind(Cause::Encode(encode_error())), StartErrorKind::Encode);
    assert_eq!(kind(system(number(13))), StartErrorKind::System);
    assert_eq!(kind(system(number(24))), StartErrorKind::Limit, "too many open files");
    assert_eq!(kind(option(number(2))), StartErrorKind::Option);
    assert_eq!(kind(option(number(24))), StartErrorKind::Limit);
    assert_eq!(kind(refused(Some(number(11)))), StartErrorKind::Limit, "too many processes");
    assert_eq!(kind(refused(Some(number(7)))), StartErrorKind::System);
    assert_eq!(kind(refused(None)), StartErrorKind::Server);
    assert_eq!(kind(Cause::Server("it ended".to_owned())), StartErrorKind::Server);
}
