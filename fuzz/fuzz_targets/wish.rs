//! Wishes of the management API: any JSON is refused by a field's name, or within its limits.
#![no_main]

use procession_monitor::intake::wish;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(serde_json::Value::Object(fields)) = serde_json::from_slice(bytes) else { return };
    let _ = wish::channels(&fields, &["hook"]);
    if let Ok(wish) = wish::read(&fields) {
        let year = 60_000..=31_536_000_000;
        assert!([wish.period, wish.grace].iter().flatten().all(|span| year.contains(span)));
    }
});
