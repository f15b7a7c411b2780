//! The descriptors of the parcel that this thread is writing or reading.
//!
//! serde gives a value no way to carry a descriptor. So while a parcel is being written or read, and
//! only then, the thread has a table of its descriptors, which a value adds to and takes from.
//!
//! # Invariants
//! - A table belongs to one parcel. A value that writes or reads another parcel amid its own has
//!   that one's table meanwhile, and its own afterwards, panics included.
//! - A table is empty again when its parcel has been written or read.

use crate::refusal::NotDuplicated;
use std::cell::Cell;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::OwnedFd;

/// The descriptors of a parcel, and why one of its values could not be given its own.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) descriptors: Vec<Option<OwnedFd>>,
    pub(super) refusal: Option<NotDuplicated>,
}

/// Whether this thread writes or reads a parcel, and whether its table has anything in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    No,
    Empty,
    Filled,
}

// Most parcels have no descriptors, so the table is touched only where `OPEN` is `Filled`. Whoever
// fills it empties it, panics included; so it needs no destructor, whose registration would be
// looked at each time.
thread_local! {
    static OPEN: Cell<Open> = const { Cell::new(Open::No) };
    static TABLE: Cell<ManuallyDrop<Table>> =
        const { Cell::new(ManuallyDrop::new(Table { descriptors: Vec::new(), refusal: None })) };
}

/// Puts another table in the place of this thread's.
fn exchange(table: Table) -> Table {
    ManuallyDrop::into_inner(TABLE.replace(ManuallyDrop::new(table)))
}

/// Runs `work` with this thread's table, which must be that of an open parcel.
fn change<T>(work: impl FnOnce(&mut Table) -> T) -> T {
    OPEN.set(Open::Filled);
    let mut table = exchange(Table::default());
    let result = work(&mut table);
    exchange(table);
    result
}

/// Runs `work` with a table of its own; gives its result and the table as it left it.
#[inline]
pub(super) fn with_table<T>(table: Table, work: impl FnOnce() -> T) -> (T, Table) {
    let aside = Aside::set(table);
    let result = work();
    (result, aside.bring_back())
}

/// The table of an outer parcel, whose value writes or reads this one as it is written or read
/// itself. It comes back in any case, also when that panics.
struct Aside(Open, Table);

impl Aside {
    /// Sets the outer table aside for an inner one.
    #[inline]
    fn set(inner: Table) -> Self {
        let now = if inner.descriptors.is_empty() { Open::Empty } else { Open::Filled };
        let before = OPEN.replace(now);
        let both_empty = before != Open::Filled && now != Open::Filled;
        Self(before, if both_empty { Table::default() } else { exchange(inner) })
    }

    /// Gives the inner table.
    #[inline]
    fn bring_back(mut self) -> Table {
        let inner = self.restore();
        std::mem::forget(self);
        inner
    }

    #[inline]
    fn restore(&mut self) -> Table {
        let both_empty = OPEN.replace(self.0) != Open::Filled && self.0 != Open::Filled;
        if both_empty { Table::default() } else { exchange(std::mem::take(&mut self.1)) }
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        drop(self.restore());
    }
}

/// Puts a duplicate of a descriptor into the parcel being written; gives the number to write in its
/// place.
pub(crate) fn lend(duplicate: io::Result<OwnedFd>) -> Result<u32, String> {
    if OPEN.get() == Open::No {
        return Err("a descriptor can only be written into a parcel".into());
    }
    change(|table| {
        let descriptor = duplicate.map_err(|error| refuse(table, &error))?;
        let number = table.descriptors.len();
        table.descriptors.push(Some(descriptor));
        u32::try_from(number).map_err(|_| "too many descriptors".into())
    })
}

/// How a descriptor is taken out of a parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// No other value can ask for it.
    Once,
    /// What stands for it has been buffered, so the value may be dropped and another one read from
    /// the same place.
    Again,
}

/// Takes a descriptor out of the parcel being read, by its number.
pub(crate) fn claim(number: u32, claim: Claim) -> Result<OwnedFd, String> {
    if OPEN.get() == Open::No {
        return Err("a descriptor can only be read from a parcel".into());
    }
    change(|table| {
        let slot =
            usize::try_from(number).ok().and_then(|number| table.descriptors.get_mut(number));
        let missing = || String::from("the parcel has no such descriptor");
        let slot = slot.filter(|slot| slot.is_some()).ok_or_else(missing)?;
        let taken = match claim {
            Claim::Once => slot.take().map(Ok),
            Claim::Again => slot.as_ref().map(OwnedFd::try_clone),
        };
        taken.ok_or_else(missing)?.map_err(|error| refuse(table, &error))
    })
}

/// Notes that the system refused a duplicate: a value's own code passes on a text at most.
fn refuse(table: &mut Table, error: &io::Error) -> String {
    let refusal = table.refusal.get_or_insert_with(|| NotDuplicated::new(error));
    refusal.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parcel::{decode, encode};
    use crate::value_error::EncodeError;
    use procession_sys::descriptor::TOO_MANY;
    use serde::ser::Error as _;
    use serde::{Deserialize, Serialize, Serializer};

    /// What a value does about a descriptor that cannot be duplicated.
    #[derive(Clone, Copy)]
    enum Meets {
        AndGoesOn,
        AndFails,
        InAnInnerMessageAndFails,
        NothingAndFails,
    }

    impl Serialize for Meets {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let meet = || lend(Err(io::Error::from_raw_os_error(TOO_MANY)));
            match self {
                Self::AndGoesOn => {
                    meet().expect_err("refused");
                    serializer.serialize_unit()
                }
                Self::AndFails => Err(S::Error::custom(meet().expect_err("refused"))),
                Self::InAnInnerMessageAndFails => {
                    let inner = encode(Vec::new(), &Self::AndFails).expect_err("refused");
                    assert!(inner.refusal().is_some());
                    Err(S::Error::custom("by nature"))
                }
                Self::NothingAndFails => Err(S::Error::custom("by nature")),
            }
        }
    }

    #[test]
    fn a_refused_duplicate_is_the_reason_of_its_own_message_alone() {
        let encoded = |value: Meets| encode(Vec::new(), &value).map(drop);
        let is_refusal = |error: &EncodeError| error.refusal().is_some();
        encoded(Meets::AndGoesOn).expect("the value puts up with it");
        assert!(!is_refusal(&encoded(Meets::NothingAndFails).expect_err("by nature")));
        assert!(is_refusal(&encoded(Meets::AndFails).expect_err("refused")));
        assert!(!is_refusal(&encoded(Meets::NothingAndFails).expect_err("by nature")));
        assert!(!is_refusal(&encoded(Meets::InAnInnerMessageAndFails).expect_err("by nature")));
    }

    #[test]
    fn a_message_that_cannot_be_read_for_want_of_descriptors_says_so() {
        /// Reads as serde's untagged enums do: why no variant was read is lost.
        #[derive(Debug)]
        struct Untagged;

        impl<'de> Deserialize<'de> for Untagged {
            fn deserialize<D: serde::Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
                use serde::de::Error as _;
                <()>::deserialize(reader)?;
                change(|table| refuse(table, &io::Error::from_raw_os_error(TOO_MANY)));
                Err(D::Error::custom("data did not match any variant"))
            }
        }

        let parcel = || encode(Vec::new(), &((), ())).expect("a message");
        let error = decode::<(Untagged, ())>(parcel(), 0).expect_err("refused").to_string();
        assert!(error.contains("Untagged") && error.contains("cannot be duplicated"), "{error}");
        decode::<((), ())>(parcel(), 0).expect("the next one is itself");
    }
}
