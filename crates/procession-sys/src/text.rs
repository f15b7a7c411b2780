//! Bytes that are known to be text.

/// These bytes as text, if they are equal to one.
///
/// ```
/// # use procession_sys::text::equal_text;
/// assert_eq!(equal_text(&[0xc3, 0xa4], "\u{e4}"), Some("\u{e4}"));
/// assert_eq!(equal_text(&[0xc3], "\u{e4}"), None);
/// ```
#[inline]
pub fn equal_text<'a>(bytes: &'a [u8], text: &str) -> Option<&'a str> {
    if bytes != text.as_bytes() {
        return None;
    }
    // SAFETY: they are the bytes of a text, as just compared.
    Some(unsafe { std::str::from_utf8_unchecked(bytes) })
}
