//! Where messages travel that the ring cannot carry: long ones, and those with descriptors.
//!
//! In: bytes and descriptors, under a number that is used once. Out: the same, by that number. What
//! always holds: parcels are taken in the order of their numbers; one whose number nobody asks for,
//! since its sender died before it wrote the record, is thrown away by the next who takes.

use super::limits::Carriage;
use super::loan::{Lender, Loan};
use procession_sys::fault::stands;
use procession_sys::parcel::{self, Bytes, Parcel, Peeked, Waiting};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

const NUMBER: usize = size_of::<u64>();

/// How many bytes travel in the parcel itself, so that several fit the socket's buffer: 1 KiB.
const MOST_HERE: usize = 1 << 10;

/// Behind the number: the bytes follow.
const HERE: u8 = 0;
/// Behind the number: the bytes are in the first descriptor, a memory that is lent.
const LENT: u8 = 1;

/// A message, ready for the annex.
#[derive(Debug)]
pub(super) struct Luggage<'a> {
    here: &'a [u8],
    loan: Option<Loan<'a>>,
    descriptors: &'a [OwnedFd],
}

impl<'a> Luggage<'a> {
    pub(super) fn pack(
        lender: &'a Lender,
        bytes: &'a [u8],
        descriptors: &'a [OwnedFd],
    ) -> io::Result<Self> {
        if bytes.len() <= MOST_HERE {
            return Ok(Self { here: bytes, loan: None, descriptors });
        }
        Ok(Self { here: &[], loan: Some(lender.lend(bytes)?), descriptors })
    }

    /// How it can travel. A record counts bytes in 32 bits.
    pub(super) fn carriage(&self) -> Carriage {
        let counted = self.loan.as_ref().is_some_and(|loan| u32::try_from(loan.len()).is_ok());
        if counted && self.descriptors.is_empty() { Carriage::Long } else { Carriage::Annex }
    }
}

/// A message out of the annex.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) bytes: Place,
    pub(super) descriptors: Vec<OwnedFd>,
}

/// Where the bytes of a message are.
#[derive(Debug)]
pub(super) enum Place {
    Here(Bytes),
    /// In memory of its sender.
    Lent(OwnedFd),
}

/// Puts a message into the annex; `WouldBlock` where it is full.
pub(super) fn put(annex: BorrowedFd<'_>, number: u64, luggage: &mut Luggage<'_>) -> io::Result<()> {
    let place = if luggage.loan.is_some() { LENT } else { HERE };
    let memory = luggage.loan.iter().map(AsFd::as_fd);
    let descriptors: Vec<_> = memory.chain(luggage.descriptors.iter().map(AsFd::as_fd)).collect();
    let pieces = [&number.to_le_bytes()[..], &[place], luggage.here];
    parcel::send(annex, &pieces, &descriptors, Waiting::Never)?;
    if let Some(loan) = &mut luggage.loan {
        loan.deliver();
    }
    Ok(())
}

/// Takes the message with this number; none where it is not there (its receiver died with it).
pub(super) fn take(annex: BorrowedFd<'_>, number: u64) -> io::Result<Option<Arrival>> {
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

fn unpack(parcel: Parcel) -> io::Result<Arrival> {
    let Parcel { bytes, mut descriptors } = parcel;
    match bytes.get(NUMBER) {
        Some(&HERE) => Ok(Arrival { bytes: Place::Here(bytes.skip(NUMBER + 1)), descriptors }),
        Some(&LENT) if !descriptors.is_empty() => {
            let memory = descriptors.remove(0);
            Ok(Arrival { bytes: Place::Lent(memory), descriptors })
        }
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "bytes that are no message")),
    }
}
