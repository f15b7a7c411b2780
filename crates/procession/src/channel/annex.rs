//! Where messages travel that the ring cannot carry: long ones, and those with descriptors.
//!
//! In: bytes and descriptors, under a number that is used once. Out: the same, by that number. What
//! always holds: parcels are taken in the order of their numbers; one whose number nobody asks for,
//! since its sender died before it wrote the record, is thrown away by the next who takes.

use procession_sys::fault::stands;
use procession_sys::memory::Sealed;
use procession_sys::parcel::{self, Bytes, Parcel, Peeked, Waiting};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

const NUMBER: usize = size_of::<u64>();

/// How many bytes travel in the parcel itself, so that several fit the socket's buffer: 1 KiB.
const MOST_HERE: usize = 1 << 10;

/// Behind the number: the bytes follow.
const HERE: u8 = 0;
/// Behind the number: the bytes are the first descriptor, a sealed memory.
const SEALED: u8 = 1;

/// A message, ready for the annex.
#[derive(Debug)]
pub(super) struct Luggage<'a> {
    here: &'a [u8],
    sealed: Option<Sealed>,
    descriptors: &'a [OwnedFd],
}

impl<'a> Luggage<'a> {
    pub(super) fn pack(bytes: &'a [u8], descriptors: &'a [OwnedFd]) -> io::Result<Self> {
        if bytes.len() <= MOST_HERE {
            return Ok(Self { here: bytes, sealed: None, descriptors });
        }
        Ok(Self { here: &[], sealed: Some(Sealed::from_pieces(&[bytes])?), descriptors })
    }
}

/// Puts a message into the annex; `WouldBlock` where it is full.
pub(super) fn put(annex: BorrowedFd<'_>, number: u64, luggage: &Luggage<'_>) -> io::Result<()> {
    let place = if luggage.sealed.is_some() { SEALED } else { HERE };
    let memory = luggage.sealed.iter().map(AsFd::as_fd);
    let descriptors: Vec<_> = memory.chain(luggage.descriptors.iter().map(AsFd::as_fd)).collect();
    let pieces = [&number.to_le_bytes()[..], &[place], luggage.here];
    parcel::send(annex, &pieces, &descriptors, Waiting::Never)
}

/// Takes the message with this number; none where it is not there (its receiver died with it).
pub(super) fn take(annex: BorrowedFd<'_>, number: u64) -> io::Result<Option<Parcel>> {
    loop {
        match parcel::peek::<NUMBER>(annex)? {
            Peeked::Nothing => return Ok(None),
            Peeked::First(next) if u64::from_le_bytes(next) > number => return Ok(None),
            Peeked::First(next)
                if u64::from_le_bytes(next) == number || !stands("annex-numbers") =>
            {
                let Some(parcel) = parcel::receive(annex, Waiting::Never)? else {
                    return Ok(None);
                };
                return unpack(parcel).map(Some);
            }
            // What is thrown away need not be sound.
            Peeked::First(_) | Peeked::Other => match parcel::receive(annex, Waiting::Never) {
                Ok(None) => return Ok(None),
                Err(error) if error.kind() != io::ErrorKind::InvalidData => return Err(error),
                _ => {}
            },
        }
    }
}

fn unpack(parcel: Parcel) -> io::Result<Parcel> {
    let Parcel { bytes, mut descriptors } = parcel;
    match bytes.get(NUMBER) {
        Some(&HERE) => Ok(Parcel { bytes: bytes.skip(NUMBER + 1), descriptors }),
        Some(&SEALED) if !descriptors.is_empty() => {
            let bytes = Bytes::from(Sealed::adopt(descriptors.remove(0))?);
            Ok(Parcel { bytes, descriptors })
        }
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "bytes that are no message")),
    }
}
