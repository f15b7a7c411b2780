//! Counting the words of real files: text in any state, of any size.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::iter::Sum;
use std::path::{Path, PathBuf};

/// How many words were found, and where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Count {
    pub(crate) words: u64,
    /// Files of text.
    pub(crate) files: u64,
    /// Files with a NUL in their first block, which are no text.
    pub(crate) binary: u64,
    /// Files that could not be opened or read.
    pub(crate) unreadable: u64,
}

impl Sum for Count {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |sum, one| Self {
            words: sum.words + one.words,
            files: sum.files + one.files,
            binary: sum.binary + one.binary,
            unreadable: sum.unreadable + one.unreadable,
        })
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} words in {} files", self.words, self.files)?;
        match (self.binary, self.unreadable) {
            (0, 0) => Ok(()),
            (binary, 0) => write!(f, " ({binary} binary)"),
            (binary, unreadable) => write!(f, " ({binary} binary, {unreadable} unreadable)"),
        }
    }
}

/// Counts the words of these files.
pub(crate) fn count(files: impl IntoIterator<Item = PathBuf>) -> Count {
    let count_one = |path: PathBuf| match count_file(&path) {
        Ok(Some(words)) => Count { words, files: 1, ..Count::default() },
        Ok(None) => Count { binary: 1, ..Count::default() },
        Err(_unreadable) => Count { unreadable: 1, ..Count::default() },
    };
    files.into_iter().map(count_one).sum()
}

/// The words of a file; none where it is no text. What is appended meanwhile is not read: a log
/// would have no end.
fn count_file(path: &Path) -> io::Result<Option<u64>> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    count_text(file.take(length))
}

/// The words of a text, separated by Unicode's white space; bytes that are no UTF-8 are letters.
fn count_text(mut text: impl Read) -> io::Result<Option<u64>> {
    const BLOCK: usize = 64 << 10;
    let mut block = vec![0; BLOCK];
    let (mut words, mut in_word) = (0, false);
    // The beginning of a character whose end is in the next block.
    let mut kept = 0;
    for number in 0_u64.. {
        let read = match text.read(&mut block[kept..]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        let filled = kept + read;
        if number == 0 && block[..filled].contains(&0) {
            return Ok(None);
        }
        let whole = if read == 0 { filled } else { filled - unfinished(&block[..filled]) };
        for chunk in block[..whole].utf8_chunks() {
            for character in chunk.valid().chars() {
                let word = !character.is_whitespace();
                words += u64::from(word && !in_word);
                in_word = word;
            }
            if !chunk.invalid().is_empty() {
                words += u64::from(!in_word);
                in_word = true;
            }
        }
        if read == 0 {
            break;
        }
        block.copy_within(whole..filled, 0);
        kept = filled - whole;
    }
    Ok(Some(words))
}

/// How many bytes at the end begin a character that is not complete: at most three.
fn unfinished(bytes: &[u8]) -> usize {
    let tail = &bytes[bytes.len().saturating_sub(3)..];
    let unfinished = |from: &usize| {
        let error = std::str::from_utf8(&tail[*from..]).err();
        error.is_some_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    };
    (0..tail.len()).find(unfinished).map_or(0, |from| tail.len() - from)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a text in pieces of one size, as pipes and disks may.
    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(buffer.len());
            self.0.read(&mut buffer[..length])
        }
    }

    #[test]
    fn words_are_those_of_the_whole_text_however_it_comes() {
        let texts: [&[u8]; 6] = [
            b"",
            b" \n\t ",
            b"one two\nthree",
            "drei\u{2003}Wörter, größer als \u{1F980}\u{3000}\u{a0}Ende ".as_bytes(),
            b"not \xff\xfe utf-8 \xe2\x82 \xf0\x9f\xa6",
            "\u{3000}".as_bytes(),
        ];
        for text in texts {
            let lossy = String::from_utf8_lossy(text).split_whitespace().count();
            for size in 1..=text.len().max(1) {
                let words = count_text(Pieces(text, size)).expect("bytes can be read");
                assert_eq!(words, Some(lossy as u64), "{text:?} in pieces of {size}");
            }
        }
    }

    #[test]
    fn what_has_a_nul_in_its_first_block_is_no_text() {
        assert_eq!(count_text(&b"one\0two"[..]).expect("bytes can be read"), None);
    }
}
