//! The end of a program's output.
//!
//! In: bytes as they pass. Out: the last lines as text. Always: it holds at most what it was made
//! for, whatever passes.

use std::collections::VecDeque;

/// Most lines in a report, of one stream.
const LINES: usize = 10;

/// The last bytes of something.
#[derive(Debug)]
pub(crate) struct Tail {
    bytes: VecDeque<u8>,
    most: usize,
    /// Whether something has been dropped in front.
    cut: bool,
}

impl Tail {
    /// One that holds at most `most` bytes.
    pub(crate) fn new(most: usize) -> Tail {
        Tail { bytes: VecDeque::new(), most, cut: false }
    }

    /// Takes in what passes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let kept = &bytes[bytes.len().saturating_sub(self.most)..];
        let over = (self.bytes.len() + kept.len()).saturating_sub(self.most);
        self.cut |= over > 0 || kept.len() < bytes.len();
        self.bytes.drain(..over);
        self.bytes.extend(kept);
    }

    /// The last lines, oldest first. A line that has lost its beginning starts with `…`.
    pub(crate) fn lines(&self) -> Vec<String> {
        let bytes: Vec<u8> = self.bytes.iter().copied().collect();
        let mut text = String::from_utf8_lossy(&bytes).into_owned();
        if self.cut {
            text.insert(0, '…');
        }
        let lines: Vec<String> =
            text.lines().map(visible).filter(|line| !line.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(LINES)..].to_vec()
    }
}

/// A line without its control characters; a tab is a space.
fn visible(line: &str) -> String {
    let line = line.replace('\t', " ");
    line.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_last_lines_are_kept_and_a_cut_one_says_so() {
        let mut tail = Tail::new(9);
        tail.push(b"one\ntwo\n");
        assert_eq!(tail.lines(), ["one", "two"]);
        tail.push(b"three\n");
        assert_eq!(tail.lines(), ["…wo", "three"]);
        tail.push(b"a line longer than all of it");
        assert_eq!(tail.lines(), ["…all of it"]);
    }

    proptest! {
        #[test]
        fn it_holds_the_end_of_what_passed_and_no_more(
            most in 0_usize..50,
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..10),
        ) {
            let mut tail = Tail::new(most);
            for piece in &pieces {
                tail.push(piece);
            }
            let all: Vec<u8> = pieces.concat();
            let end = &all[all.len().saturating_sub(most)..];
            prop_assert!(tail.bytes.iter().eq(end));
            prop_assert!(tail.lines().len() <= LINES);
            prop_assert!(tail.lines().iter().all(|line| !line.contains(char::is_control)));
        }
    }
}
