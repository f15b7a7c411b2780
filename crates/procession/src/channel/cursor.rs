//! How far one side of a channel has come.
//!
//! In: a word of shared memory. Out: a [`Cursor`], and back. What always holds: any word is a
//! cursor; counts wrap, and the distance between two is right as long as it is below the wrap.

/// How far one side of the channel has come, counted from its beginning and wrapping: words of
/// records, messages, and those of them in the annex. It is one word in memory, so it changes at
/// once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    /// In 28 bits, as `messages`.
    pub(super) place: u32,
    pub(super) messages: u32,
    pub(super) annexed: u8,
}

const BITS: u32 = 28;
pub(super) const COUNTED: u32 = (1 << BITS) - 1;

impl Cursor {
    pub(super) fn from_word(word: u64) -> Self {
        let [.., annexed] = word.to_le_bytes();
        let field = |from: u32| u32::try_from(word >> from & u64::from(COUNTED)).unwrap_or(0);
        Self { place: field(0), messages: field(BITS), annexed }
    }

    pub(super) fn to_word(self) -> u64 {
        let Self { place, messages, annexed } = self;
        u64::from(annexed) << (2 * BITS) | u64::from(messages) << BITS | u64::from(place)
    }

    /// Behind one message more, whose record has so many words.
    pub(super) fn after(self, words: u32, annexed: bool) -> Self {
        Self {
            place: self.place.wrapping_add(words) & COUNTED,
            messages: self.messages.wrapping_add(1) & COUNTED,
            annexed: self.annexed.wrapping_add(u8::from(annexed)),
        }
    }

    /// From `earlier` to this one.
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            place: self.place.wrapping_sub(earlier.place) & COUNTED,
            messages: self.messages.wrapping_sub(earlier.messages) & COUNTED,
            annexed: self.annexed.wrapping_sub(earlier.annexed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_its_word_again_and_distances_survive_the_wrap() {
        let start = Cursor { place: COUNTED - 3, messages: COUNTED, annexed: u8::MAX };
        assert_eq!(Cursor::from_word(start.to_word()), start);
        let end = start.after(9, true).after(1, false);
        assert_eq!(Cursor::from_word(end.to_word()), end);
        assert_eq!(end.since(start), Cursor { place: 10, messages: 2, annexed: 1 });
        assert_eq!(
            Cursor::from_word(u64::MAX).since(Cursor::from_word(u64::MAX)),
            Cursor::default()
        );
    }
}
