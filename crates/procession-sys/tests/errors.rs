//! What holds for every public error of this crate.

use procession_sys::image::{Foreign, UnknownKey};
use procession_sys::parcel::Cut;
use procession_sys::thread::ManyThreads;
use std::error::Error;

#[test]
fn every_error_can_be_sent_to_and_shared_with_other_threads() {
    fn check<E: Error + Send + Sync + 'static>() {}
    check::<UnknownKey>();
    check::<Foreign>();
    check::<Cut>();
    check::<ManyThreads>();
}
