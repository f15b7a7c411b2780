//! Text that a process reports, at a bounded length.
//!
//! A panic's message, its backtrace or an error of a user's type may be of any length. It goes
//! through the memory of two processes, into an error and onto standard error, so it is cut where it
//! is made, and once more where it is read.

use std::fmt::{self, Write};

/// The longest text that is reported whole, in bytes: 64 KiB.
pub(crate) const LONGEST_TEXT: usize = 64 << 10;

/// The text, or its beginning and its full length.
pub(crate) fn excerpt(text: &str) -> String {
    excerpt_of(&text)
}

/// As [`excerpt`], of what `value` displays as, which is never in memory as a whole.
pub(crate) fn excerpt_of(value: &impl fmt::Display) -> String {
    let mut excerpt = Excerpt { kept: String::new(), length: 0 };
    // A `Display` that fails leaves what it wrote before.
    let _ = write!(excerpt, "{value}");
    let Excerpt { mut kept, length } = excerpt;
    if length > kept.len() {
        let _ = write!(kept, " [cut here: {length} bytes in all]");
    }
    kept
}

/// The beginning of what is written, and the length of all of it.
struct Excerpt {
    kept: String,
    length: usize,
}

impl Write for Excerpt {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Behind a cut nothing more is kept.
        if self.length == self.kept.len() {
            let room = LONGEST_TEXT - self.kept.len();
            self.kept.push_str(beginning(text, room));
        }
        self.length += text.len();
        Ok(())
    }
}

/// At most `length` bytes of `text`, cut between two characters.
pub(crate) fn beginning(text: &str, length: usize) -> &str {
    let mut end = length.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_stays_and_a_long_one_is_cut_between_characters_with_its_length() {
        for length in [0, 1, LONGEST_TEXT] {
            assert_eq!(excerpt(&"x".repeat(length)), "x".repeat(length));
        }
        // Two bytes each, behind one: the limit is amid a character.
        let long = format!("x{}", "\u{e4}".repeat(LONGEST_TEXT));
        let cut = excerpt(&long);
        let said = format!(" [cut here: {} bytes in all]", long.len());
        let kept = cut.strip_suffix(&said).expect("its length");
        assert_eq!(kept.len(), LONGEST_TEXT - 1);
        assert!(long.starts_with(kept));
        // What is cut already is not cut again beyond its first part.
        assert!(excerpt(&cut).starts_with(kept));
    }

    #[test]
    fn what_is_written_in_pieces_is_cut_once() {
        struct Pieces;
        impl fmt::Display for Pieces {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (0..LONGEST_TEXT).try_for_each(|_| f.write_str("abc"))
            }
        }
        let cut = excerpt_of(&Pieces);
        assert!(cut.starts_with("abcabc"));
        assert!(cut.ends_with(&format!(" [cut here: {} bytes in all]", 3 * LONGEST_TEXT)));
        assert!(cut.len() < LONGEST_TEXT + 100);
    }
}
