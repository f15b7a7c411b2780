//! Beats: any bytes are refused, or a beat within its limits that survives being said again.
#![no_main]

use procession_beat::Beat;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(beat) = Beat::decode(bytes) {
        // A number of a sample may lose its last digit on its way.
        let again = Beat::decode(&beat.encode()).expect("what was taken is taken again");
        assert_eq!((again.seq, again.kind, again.instance), (beat.seq, beat.kind, beat.instance));
    }
});
