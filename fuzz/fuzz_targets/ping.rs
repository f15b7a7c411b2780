//! Paths of pings: any text is refused, or names a check in a form that its URL can have; and the
//! words in a ping's body.
#![no_main]

use procession_monitor::intake::path::{Whom, decode, parse};
use procession_monitor::store::Words;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let path = decode(text).unwrap_or_default();
    if let Ok((Whom::Slug(key, slug), _)) = parse(&path) {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
        assert!(!key.is_empty() && !slug.is_empty() && slug.chars().all(plain));
    }
    let (words, body) = text.split_at(text.floor_char_boundary(text.len() / 2));
    let words = words.to_owned();
    let _ = Words { look: true, success: words.clone(), failure: words, ..Words::default() }.kind(body);
});
