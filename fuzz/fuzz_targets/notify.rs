//! What a program says of itself: any bytes as an `sd_notify` datagram are words that make sense.
#![no_main]

#[path = "../../crates/procession-cli/src/run/notify.rs"]
mod notify;

use notify::Word;

libfuzzer_sys::fuzz_target!(|datagram: &[u8]| {
    let words = notify::parse(datagram);
    let is_heard = datagram.len() <= notify::LONGEST;
    assert!(words.is_empty() || is_heard && words.len() <= datagram.len());
    for word in words {
        match word {
            Word::Status(text) => assert!(!text.contains(['\n', '\0'])),
            Word::MainPid(number) => assert!(number > 1),
            Word::Errno(number) => assert!(number > 0),
            Word::WatchdogTime(time) | Word::ExtendTimeout(time) => assert!(!time.is_zero()),
            Word::Ready | Word::Reloading | Word::Stopping | Word::Watchdog | Word::Trigger => {}
        }
    }
});
