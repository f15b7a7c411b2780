//! How far one side of a channel has come.
//!
//! In: a word of shared memory. Out: a [`Cursor`], and back. What always holds: any word is a
//! cursor; counts wrap, and the distance between two is right as long as it is below the wrap.

/// How far one side of the channel has come, counted from its beginning and wrapping: words of
/// records and messages, in 28 bits each, and those of the messages that are in the annex, in 8.
///
/// It is one word in memory, so it changes at once; and one word here, since fields of their own are
/// written and read back in different sizes as a cursor is passed on, for which processors wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cursor(u64);

const BITS: u32 = 28;
pub(super) const COUNTED: u32 = (1 << BITS) - 1;

impl Cursor {
    #[inline]
    pub(super) fn new(place: u32, messages: u32, annexed: u8) -> Self {
        let counts = u64::from(messages & COUNTED) << BITS | u64::from(place & COUNTED);
        Self(u64::from(annexed) << (2 * BITS) | counts)
    }

    #[inline]
    pub(super) fn from_word(word: u64) -> Self {
        Self(word)
    }

    #[inline]
    pub(super) fn to_word(self) -> u64 {
        self.0
    }

    #[inline]
    pub(super) fn place(self) -> u32 {
        self.field(0)
    }

    #[inline]
    pub(super) fn messages(self) -> u32 {
        self.field(BITS)
    }

    #[inline]
    pub(super) fn annexed(self) -> u8 {
        let [.., annexed] = self.0.to_le_bytes();
        annexed
    }

    #[inline]
    fn field(self, from: u32) -> u32 {
        u32::try_from(self.0 >> from & u64::from(COUNTED)).unwrap_or(0)
    }

    /// Behind one message more, whose record has so many words.
    #[inline]
    pub(super) fn after(self, words: u32, annexed: bool) -> Self {
        Self::new(
            self.place().wrapping_add(words),
            self.messages().wrapping_add(1),
            self.annexed().wrapping_add(u8::from(annexed)),
        )
    }

    /// The same, so many words further.
    pub(super) fn skip(self, words: u32) -> Self {
        Self::new(self.place().wrapping_add(words), self.messages(), self.annexed())
    }

    /// From `earlier` to this one.
    #[inline]
    pub(super) fn since(self, earlier: Self) -> Self {
        Self::new(
            self.place().wrapping_sub(earlier.place()),
            self.messages().wrapping_sub(earlier.messages()),
            self.annexed().wrapping_sub(earlier.annexed()),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_its_word_again_and_distances_survive_the_wrap() {
        let start = Cursor::new(COUNTED - 3, COUNTED, u8::MAX);
        assert_eq!(Cursor::from_word(start.to_word()), start);
        let end = start.after(9, true).after(1, false);
        assert_eq!(Cursor::from_word(end.to_word()), end);
        assert_eq!(end.since(start), Cursor::new(10, 2, 1));
        assert_eq!(
            Cursor::from_word(u64::MAX).since(Cursor::from_word(u64::MAX)),
            Cursor::default()
        );
    }
}
