//! What a type of the corpus can do, and random values of std's types without parts.

use crate::oracle::Oracle;
use crate::random::Random;
use std::borrow::Cow;
use std::ffi::OsString;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::num::{NonZeroI64, NonZeroU16};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::Duration;

/// A type of the corpus.
pub(crate) trait Sample: Sized {
    /// A random value.
    fn sample(random: &mut Random) -> Self;
    /// The value that must arrive when this one is sent.
    fn arrived(&self, oracle: &mut Oracle) -> Self;
    /// Whether the two are the same, also where they are not equal as NaN is not.
    fn same(&self, other: &Self) -> bool;
}

/// Types without parts: what arrives is a copy.
macro_rules! leaf {
    ($($type:ty: |$random:ident| $sample:expr;)*) => {$(
        impl Sample for $type {
            fn sample($random: &mut Random) -> Self {
                $sample
            }
            fn arrived(&self, _: &mut Oracle) -> Self {
                self.clone()
            }
            fn same(&self, other: &Self) -> bool {
                self == other
            }
        }
    )*};
}
pub(crate) use leaf;

/// Integers: often at an end of their range, or small.
macro_rules! integers {
    ($($type:ident)*) => {$(
        leaf! {
            $type: |random| match random.below(6) {
                0 => <$type>::MIN,
                1 => <$type>::MAX,
                2 => 0,
                3 => random.below(100) as $type,
                _ => random.next() as $type,
            };
        }
    )*};
}

integers!(u8 u16 u32 u64 usize i8 i16 i32 i64 isize);

macro_rules! wide_integers {
    ($($type:ident)*) => {$(
        impl Sample for $type {
            fn sample(random: &mut Random) -> Self {
                match random.below(4) {
                    0 => <$type>::MIN,
                    1 => <$type>::MAX,
                    _ => (random.next() as $type) << 64 | random.next() as $type,
                }
            }
            fn arrived(&self, oracle: &mut Oracle) -> Self {
                oracle.wide_integer();
                *self
            }
            fn same(&self, other: &Self) -> bool {
                self == other
            }
        }
    )*};
}

wide_integers!(u128 i128);

macro_rules! floats {
    ($($type:ident $bits:ident)*) => {$(
        impl Sample for $type {
            fn sample(random: &mut Random) -> Self {
                match random.below(8) {
                    0 => -0.0,
                    1 => <$type>::INFINITY,
                    2 => <$type>::NAN,
                    // A NaN with bits of its own.
                    3 => <$type>::from_bits(<$type>::NAN.to_bits() | random.next() as $bits),
                    4 => <$type>::MIN_POSITIVE / 8.0,
                    5 => 1.0,
                    _ => <$type>::from_bits(random.next() as $bits),
                }
            }
            fn arrived(&self, _: &mut Oracle) -> Self {
                *self
            }
            fn same(&self, other: &Self) -> bool {
                self.to_bits() == other.to_bits()
            }
        }
    )*};
}

floats!(f32 u32 f64 u64);

fn bytes(random: &mut Random) -> Vec<u8> {
    let most = if random.one_in(8) { 300 } else { 12 };
    (0..random.below(most)).map(|_| random.next() as u8).collect()
}

leaf! {
    (): |_random| ();
    bool: |random| random.one_in(2);
    char: |random| ['\0', 'a', '\u{7f}', 'ü', '漢', '\u{1f980}', char::MAX][random.below(7)];
    String: |random| {
        let most = if random.one_in(8) { 300 } else { 6 };
        (0..random.below(most)).map(|_| char::sample(random)).collect()
    };
    Box<str>: |random| String::sample(random).into();
    Cow<'static, str>: |random| String::sample(random).into();
    Duration: |random| Duration::new(random.next(), random.below(1_000_000_000) as u32);
    NonZeroU16: |random| NonZeroU16::new(random.next() as u16 | 1).expect("odd");
    NonZeroI64: |random| NonZeroI64::new(random.next() as i64 | 1).expect("odd");
    Ipv4Addr: |random| Ipv4Addr::from(random.next() as u32);
    IpAddr: |random| if random.one_in(2) {
        Ipv4Addr::sample(random).into()
    } else {
        Ipv6Addr::from(u128::sample(random)).into()
    };
    // Serde writes neither form of an address with its flow information.
    SocketAddr: |random| if random.one_in(2) {
        (IpAddr::sample(random), random.next() as u16).into()
    } else {
        let address = Ipv6Addr::from(u128::sample(random));
        SocketAddrV6::new(address, random.next() as u16, 0, random.below(9) as u32).into()
    };
    OsString: |random| OsString::from_vec(bytes(random));
    PhantomData<u8>: |_random| PhantomData;
}

/// Sent as a string, which a path need not be.
impl Sample for PathBuf {
    fn sample(random: &mut Random) -> Self {
        if random.one_in(9) {
            OsString::sample(random).into()
        } else {
            String::sample(random).into()
        }
    }
    fn arrived(&self, oracle: &mut Oracle) -> Self {
        if self.to_str().is_none() {
            oracle.must_fail("path contains invalid UTF-8 characters");
        }
        self.clone()
    }
    fn same(&self, other: &Self) -> bool {
        self == other
    }
}

/// Bytes written by `serialize_bytes`, which no type of std is.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

leaf! {
    Bytes: |random| Bytes(bytes(random));
}

impl serde::Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Bytes;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
            // JSON has no bytes.
            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut seq: A,
            ) -> Result<Bytes, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = seq.next_element()? {
                    bytes.push(byte);
                }
                Ok(Bytes(bytes))
            }
        }
        from.deserialize_bytes(Visitor)
    }
}
