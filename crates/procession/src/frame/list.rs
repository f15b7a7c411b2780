//! Who is alive, page by page.
//!
//! In: children of a server. Out: the frame of as many as one packet holds, and what it says. What
//! always holds: a list of any length crosses without a descriptor, which neither side may have
//! left.

use super::{FrameError, Record};
use serde::{Deserialize, Serialize};

/// When a page is full, in bytes, and how much of a name it holds: together less than a packet.
const FULL: usize = 32 << 10;
const LONGEST_NAME: usize = 16 << 10;
/// The most bytes that a child takes beside its name.
const NUMBERS: usize = 32;

/// Some of the children of a server, in the order of their starts.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Page<'a> {
    /// The number of the question that this answers.
    pub(crate) question: u64,
    /// Whether there are later ones.
    pub(crate) more: bool,
    /// The process id of each, and what its parent knows it by.
    #[serde(borrow)]
    pub(crate) alive: Vec<(i32, Record<'a>)>,
}

impl<'a> Page<'a> {
    /// As many of the first as one page holds; one at least, if there is one. A name of more than
    /// 16 KiB is cut.
    pub(crate) fn of(question: u64, mut alive: Vec<(i32, Record<'a>)>) -> Self {
        let (mut count, mut filled) = (0, 0);
        for (_, record) in &mut alive {
            if filled >= FULL {
                break;
            }
            record.name = cut(record.name);
            filled += record.name.len() + NUMBERS;
            count += 1;
        }
        let more = count < alive.len();
        alive.truncate(count);
        Self { question, more, alive }
    }

    pub(crate) fn to_frame(&self) -> Result<Vec<u8>, FrameError> {
        Ok(postcard::to_stdvec(self)?)
    }

    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, FrameError> {
        Ok(postcard::from_bytes(bytes)?)
    }
}

fn cut(name: &str) -> &str {
    let mut ends = (0..=name.len().min(LONGEST_NAME)).rev();
    ends.find_map(|end| name.get(..end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_hold_everybody_once_and_fit_a_packet() {
        let names: Vec<String> = (0..100).map(|length| "n".repeat(length * 160)).collect();
        let record = |serial: usize| Record {
            serial: serial as u64,
            name: &names[serial],
            daemon: serial % 2 == 0,
        };
        let everybody: Vec<(i32, Record<'_>)> = (0..100).map(|at| (7, record(at))).collect();
        let mut listed: Vec<(i32, Record<'_>)> = Vec::new();
        loop {
            let page = Page::of(3, everybody[listed.len()..].to_vec());
            let frame = page.to_frame().expect("a frame");
            assert!(frame.len() < procession_sys::parcel::LARGEST_INLINE, "{}", frame.len());
            assert_eq!(Page::read(&frame).expect("a page"), page);
            listed.extend(page.alive);
            if !page.more {
                break;
            }
        }
        assert_eq!(listed, everybody);
        let empty = Page::of(4, Vec::new());
        assert_eq!(empty, Page { question: 4, more: false, alive: Vec::new() });
        let endless = format!("n{}", "\u{e4}".repeat(1 << 20));
        let page = Page::of(5, vec![(7, Record { name: &endless, ..record(0) })]);
        assert_eq!(page.alive[0].1.name, &endless[..LONGEST_NAME - 1]);
    }
}
