//! Open files, sockets and pipes inside values.
//!
//! A descriptor is written as bytes: a mark that is in no text, and its number among the descriptors
//! of the message. So no variant of an untagged enum takes it for a number or a text of its own.
//!
//! # Invariants
//! - The sender keeps its own descriptor; what crosses is a duplicate.
//! - A descriptor that does not come with a message is an error.

use crate::codec;
use crate::parcel::{self, Claim};
use serde::de::{Error as _, Visitor};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
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

/// The first byte of what stands for a descriptor; it is in no UTF-8.
const MARK: u8 = 0xff;

impl<T: AsFd> Serialize for Fd<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let duplicate = self.0.as_fd().try_clone_to_owned();
        let [a, b, c, d] = parcel::lend(duplicate).map_err(S::Error::custom)?.to_le_bytes();
        serializer.serialize_bytes(&[MARK, a, b, c, d])
    }
}

impl<'de, T: From<OwnedFd>> Deserialize<'de> for Fd<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Anything else than our own reader may have buffered the value, as serde does for untagged
        // enums, and may read another value from it if this one is dropped.
        let claim = if codec::is_reader::<D>() { Claim::Once } else { Claim::Again };
        let number = deserializer.deserialize_bytes(Number)?;
        let descriptor = parcel::claim(number, claim).map_err(D::Error::custom)?;
        Ok(Self(descriptor.into()))
    }
}

/// Reads the number of a descriptor.
struct Number;

impl Visitor<'_> for Number {
    type Value = u32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a descriptor")
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<u32, E> {
        match *bytes {
            [MARK, a, b, c, d] => Ok(u32::from_le_bytes([a, b, c, d])),
            _ => Err(E::custom("these bytes are not a descriptor")),
        }
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

    struct Bytes([u8; 5]);

    impl Serialize for Bytes {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(&self.0)
        }
    }

    fn crossed<T: Serialize + serde::de::DeserializeOwned + 'static>(value: &T) -> T {
        let parcel = parcel::encode(Vec::new(), value).expect("a parcel");
        parcel::decode(parcel, 0).unwrap_or_else(|error| panic!("{error}"))
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
        let twice = (Bytes([MARK, 0, 0, 0, 0]), Bytes([MARK, 0, 0, 0, 0]));
        doubled.bytes = parcel::encode(Vec::new(), &twice).expect("a parcel").bytes;
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

    #[test]
    fn a_variant_that_fails_leaves_its_descriptor_to_the_next_one() {
        #[derive(Serialize, Deserialize)]
        struct Opened {
            file: Fd<File>,
            offset: u64,
        }
        #[derive(Serialize, Deserialize)]
        struct Named {
            file: Fd<File>,
            name: String,
        }
        #[derive(Serialize, Deserialize)]
        #[serde(untagged)]
        enum Input {
            Opened(Opened),
            Pair(Fd<File>, Fd<File>),
            Named(Named),
        }
        let named = || Input::Named(Named { file: null(), name: "null".into() });
        let inputs = crossed(&vec![
            named(),
            Input::Pair(null(), null()),
            Input::Opened(Opened { file: null(), offset: 7 }),
            named(),
        ]);
        let [
            Input::Named(first),
            Input::Pair(one, other),
            Input::Opened(opened),
            Input::Named(last),
        ] = &inputs[..]
        else {
            panic!("other variants arrived than were sent")
        };
        assert_eq!((&*first.name, opened.offset, &*last.name), ("null", 7, "null"));
        for file in [&first.file, one, other, &opened.file, &last.file] {
            assert!(file.metadata().is_ok(), "it is open");
        }
    }

    #[test]
    fn beside_numbers_and_texts_of_an_untagged_enum_a_descriptor_is_none() {
        #[derive(Serialize, Deserialize)]
        #[serde(untagged)]
        enum Target {
            Number(u64),
            Text(String),
            List(Vec<u8>),
            File(Fd<File>),
        }
        let targets = crossed(&vec![
            Target::File(null()),
            Target::Number(0),
            Target::Text("0".into()),
            Target::List(vec![MARK, 0, 0, 0, 0]),
        ]);
        let as_sent = matches!(
            &targets[..],
            [Target::File(_), Target::Number(0), Target::Text(_), Target::List(_)]
        );
        assert!(as_sent, "each arrives as its own variant");
    }

    #[test]
    fn descriptors_in_tagged_and_flattened_types_arrive() {
        #[derive(Serialize, Deserialize)]
        #[serde(tag = "kind")]
        enum Tagged {
            Log { file: Fd<File> },
        }
        #[derive(Serialize, Deserialize)]
        struct Flattened {
            name: String,
            #[serde(flatten)]
            log: Tagged,
        }
        let Flattened { name, log: Tagged::Log { file } } =
            crossed(&Flattened { name: "a".into(), log: Tagged::Log { file: null() } });
        assert!(name == "a" && file.metadata().is_ok());
    }
}
