//! What holds for every public error of this crate.

use procession_beat::{Beat, BeatError};
use std::error::Error;

fn check<E: Error + Send + Sync + 'static>() {}

#[test]
fn every_error_can_be_sent_to_and_shared_with_other_threads() {
    check::<BeatError>();
    #[cfg(feature = "client")]
    check::<procession_beat::SendError>();
    #[cfg(feature = "tls")]
    check::<procession_beat::NoCertificate>();
}

#[test]
fn an_error_whose_text_has_its_cause_gives_no_source_beside_it() {
    let error = Beat::decode(b"not a beat").expect_err("it is no JSON");
    assert!(error.to_string().starts_with("not a beat: "), "{error}");
    assert!(error.source().is_none());
}
