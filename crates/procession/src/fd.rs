//! Open files, sockets and pipes inside values.
//!
//! In: anything that has a descriptor. Out: the same open file in another process. What always
//! holds: the sender keeps its own; a descriptor that does not come through a parcel is an error.

use crate::parcel;
use crate::refusal;
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A file, socket or any other owner of a descriptor, as an argument, a value, or inside one.
///
/// What crosses is a duplicate: both processes have the same open file, and share its position.
/// Under any other serializer (JSON, a file) it is an error. So are more than 252 in one value or
/// message, and more than 248 in the arguments of one start: the kernel takes no more at a time.
///
/// ```
/// use procession::{Fd, Process};
/// use std::fs::File;
/// use std::io::Read;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let first_line = |mut file: Fd<File>| {
///     let mut text = String::new();
///     file.read_to_string(&mut text).map(|_| text.lines().next().map(str::to_owned))
///         .unwrap_or(None)
/// };
/// let file = Fd(File::open("/proc/meminfo")?);
/// let line = Process::new(first_line, (file,)).start()?.join()?;
/// assert!(line.unwrap().starts_with("MemTotal"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[doc(alias = "DupFd")]
pub struct Fd<T>(pub T);

impl<T: AsFd> Serialize for Fd<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let copy = self.0.as_fd().try_clone_to_owned().map_err(|error| {
            refusal::note(&error);
            S::Error::custom(error)
        })?;
        parcel::lend(copy).map_err(S::Error::custom)?.serialize(serializer)
    }
}

impl<'de, T: From<OwnedFd>> Deserialize<'de> for Fd<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u32::deserialize(deserializer)?;
        parcel::claim(number).map(|descriptor| Self(descriptor.into())).map_err(D::Error::custom)
    }
}

impl<T: AsFd> AsFd for Fd<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl<T> Deref for Fd<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Fd<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use procession_sys::parcel::Parcel;
    use std::fs::File;

    fn null() -> Fd<File> {
        Fd(File::open("/dev/null").expect("a file"))
    }

    #[test]
    fn descriptors_cross_nested_in_values_and_the_sender_keeps_its_own() {
        let value = (vec![Some(null()), None], null());
        let parcel = parcel::encode(Vec::new(), &value).expect("a parcel");
        assert_eq!(parcel.descriptors.len(), 2);
        let (list, one): (Vec<Option<Fd<File>>>, Fd<OwnedFd>) =
            parcel::decode(parcel, 0).expect("the value");
        assert!(list[0].is_some() && list[1].is_none());
        assert!(one.as_fd().try_clone_to_owned().is_ok());
        assert!(value.1.0.metadata().is_ok());
    }

    #[test]
    fn a_missing_or_doubled_descriptor_is_an_error() {
        let mut parcel = parcel::encode(Vec::new(), &(null(), null())).expect("a parcel");
        parcel.descriptors.pop();
        let error = parcel::decode::<(Fd<File>, Fd<File>)>(parcel, 0).expect_err("missing");
        assert!(error.to_string().contains("Fd<"), "{error}");
        let mut doubled = parcel::encode(Vec::new(), &null()).expect("a parcel");
        doubled.bytes = parcel::encode(Vec::new(), &(0_u32, 0_u32)).expect("a parcel").bytes;
        parcel::decode::<(Fd<File>, Fd<File>)>(doubled, 0).expect_err("doubled");
    }

    #[test]
    fn outside_a_parcel_a_descriptor_cannot_be_written_or_read() {
        postcard::to_stdvec(&null()).expect_err("no parcel is being written");
        postcard::from_bytes::<Fd<File>>(&[0]).expect_err("no parcel is being read");
    }

    #[test]
    fn a_parcel_written_within_another_has_descriptors_of_its_own() {
        struct Letter(Fd<File>, std::cell::Cell<usize>);
        impl Serialize for Letter {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let inner: Parcel =
                    parcel::encode(Vec::new(), &self.0).map_err(S::Error::custom)?;
                self.1.set(inner.descriptors.len());
                self.0.serialize(serializer)
            }
        }
        let letter = Letter(null(), std::cell::Cell::new(0));
        let outer = parcel::encode(Vec::new(), &letter).expect("a parcel");
        assert_eq!((outer.descriptors.len(), letter.1.get()), (1, 1));
    }
}
