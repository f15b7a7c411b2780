//! What a child says of its function: the one frame that it sends itself.
//!
//! In: how the function ended. Out: a parcel to send, and back. What always holds: the value's
//! bytes are copied once, by its encoding.

use super::FrameError;
use super::text::{LONGEST_TEXT, excerpt};
use crate::bulk::buffers::Borrowed;
use crate::parcel;
use crate::value_error::DecodeError;
use procession_sys::parcel::Parcel;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;

pub(super) const RETURNED: u8 = b'v';
pub(super) const PANICKED: u8 = b'p';
pub(super) const REFUSED: u8 = b'r';
pub(super) const UNENCODABLE: u8 = b'u';
pub(super) const STACK_OVERFLOW: u8 = b'o';
pub(super) const OUT_OF_MEMORY: u8 = b'm';

/// How a function ended, as its process tells.
#[derive(Debug)]
pub(crate) enum Answer {
    /// It returned this value.
    Returned(Returned),
    /// It panicked.
    Panicked(Panic),
    /// It was not called: its process could not become what was asked.
    Refused(String),
    /// It returned, and its value cannot be encoded.
    Unencodable(String),
    /// The main thread's stack ended.
    StackOverflow,
    /// An allocation failed under a limit on memory.
    OutOfMemory,
    /// The process wrote bytes that are no frame into its corridor.
    Garbled(String),
}

/// A value that has crossed and is not read yet.
#[derive(Debug)]
pub(crate) struct Returned(Parcel);

impl Returned {
    pub(crate) fn decode<T: DeserializeOwned + 'static>(self) -> Result<T, DecodeError> {
        parcel::decode(self.0, 1)
    }
}

impl Answer {
    /// The frame for a value; for one that cannot be encoded, the frame that says so.
    pub(crate) fn returned<T: Serialize + 'static>(value: &T) -> Parcel {
        Self::returned_in(value, None)
    }

    /// As [`returned`](Self::returned); a vector of numbers may travel in the memory that the
    /// function's arguments came in.
    pub(crate) fn returned_in<T: Serialize + 'static>(
        value: &T,
        memory: Option<Borrowed>,
    ) -> Parcel {
        parcel::encode_in(vec![RETURNED], value, memory).unwrap_or_else(|error| {
            let why = error.refusal().map(|refusal| format!("{error}: {refusal}"));
            Self::unencodable(&why.unwrap_or_else(|| error.to_string()))
        })
    }

    /// The frame of a value that stays behind.
    pub(crate) fn unencodable(why: &str) -> Parcel {
        text(UNENCODABLE, why)
    }

    /// The frame of a child that did not call its function.
    pub(crate) fn refused(why: &str) -> Parcel {
        text(REFUSED, why)
    }

    /// The frame of a panic.
    pub(crate) fn panicked(panic: &Panic) -> Parcel {
        parcel::encode(vec![PANICKED], panic)
            .unwrap_or_else(|error| Self::unencodable(&error.to_string()))
    }

    /// The frame of a stack overflow, short enough for a signal handler.
    pub(crate) const fn stack_overflow() -> u8 {
        STACK_OVERFLOW
    }

    /// The frame of an abort for want of memory, short enough for a signal handler.
    pub(crate) const fn out_of_memory() -> u8 {
        OUT_OF_MEMORY
    }

    pub(super) fn read(kind: u8, parcel: Parcel) -> Result<Self, FrameError> {
        let words = |parcel: &Parcel| excerpt(&String::from_utf8_lossy(&parcel.bytes[1..]));
        match kind {
            RETURNED => Ok(Self::Returned(Returned(parcel))),
            PANICKED => parcel::decode(parcel, 1)
                .map(|panic: Panic| Self::Panicked(panic.bounded()))
                .map_err(|error| FrameError(error.to_string())),
            REFUSED => Ok(Self::Refused(words(&parcel))),
            UNENCODABLE => Ok(Self::Unencodable(words(&parcel))),
            STACK_OVERFLOW => Ok(Self::StackOverflow),
            OUT_OF_MEMORY => Ok(Self::OutOfMemory),
            _ => Err(FrameError(format!("no frame begins with {kind:#04x}"))),
        }
    }
}

fn text(kind: u8, words: &str) -> Parcel {
    let bytes = [&[kind], excerpt(words).as_bytes()].concat();
    Parcel { bytes: bytes.into(), ..Parcel::default() }
}

/// A panic in another process: its message, its place, its thread.
///
/// The backtrace is there where the child's environment asks for one (`RUST_BACKTRACE` or
/// `RUST_LIB_BACKTRACE`), as everywhere in Rust.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Panic {
    pub(crate) message: String,
    pub(crate) place: Option<(String, u32, u32)>,
    pub(crate) thread: Option<String>,
    pub(crate) backtrace: Option<String>,
}

impl Panic {
    /// With no text longer than what is reported whole, whoever wrote it.
    pub(crate) fn bounded(mut self) -> Self {
        let texts = [Some(&mut self.message), self.thread.as_mut(), self.backtrace.as_mut()];
        let place = self.place.as_mut().map(|(file, ..)| file);
        // What has been cut says its length behind that, so it is a little longer.
        let long = |text: &&mut String| text.len() > LONGEST_TEXT + 100;
        for text in texts.into_iter().chain([place]).flatten().filter(long) {
            *text = excerpt(text);
        }
        self
    }

    /// The message given to `panic!`, or of the failed assertion. Of one longer than 64 KiB, that
    /// much, and how long it was.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The source file, as the compiler was given its path.
    pub fn file(&self) -> Option<&str> {
        self.place.as_ref().map(|(file, ..)| file.as_str())
    }

    /// The line in the file, from 1.
    pub fn line(&self) -> Option<u32> {
        self.place.as_ref().map(|&(_, line, _)| line)
    }

    /// The column in the line, from 1.
    pub fn column(&self) -> Option<u32> {
        self.place.as_ref().map(|&(.., column)| column)
    }

    /// The thread's name; `main` for the one that runs the function.
    pub fn thread(&self) -> Option<&str> {
        self.thread.as_deref()
    }

    /// The backtrace, one frame below the other, cut as the [`message`](Self::message) is.
    pub fn backtrace(&self) -> Option<&str> {
        self.backtrace.as_deref()
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("panicked")?;
        if let Some((file, line, column)) = &self.place {
            write!(f, " at {file}:{line}:{column}")?;
        }
        if let Some(thread) = self.thread().filter(|&thread| thread != "main") {
            write!(f, " in thread `{thread}`")?;
        }
        write!(f, ": {}", self.message)
    }
}
