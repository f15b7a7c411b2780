//! The errors of values that cannot be written or read.

use crate::codec::{Details, Error};
use crate::refusal::NotDuplicated;
use std::fmt;

/// A value cannot be encoded: its own `Serialize` failed, or it nests too deep.
///
/// The message names the type of the value, the field, variant or element that failed, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodeError(Box<Unwritten>);

/// What is known of a value that was not written.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Unwritten {
    type_name: &'static str,
    details: Details,
    /// The system refused a duplicate of a descriptor in the value.
    refusal: Option<NotDuplicated>,
}

impl EncodeError {
    pub(crate) fn of<T: ?Sized>(error: Error, refusal: Option<NotDuplicated>) -> Self {
        let type_name = std::any::type_name::<T>();
        Self(Box::new(Unwritten { type_name, details: error.take(), refusal }))
    }

    /// Why the system refused a duplicate of a descriptor in the value, if that is the reason.
    pub(crate) fn refusal(&self) -> Option<&NotDuplicated> {
        self.0.refusal.as_ref()
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unwritten { type_name, details, refusal } = &*self.0;
        write!(f, "a value of type `{type_name}` cannot be encoded")?;
        match (refusal, details.is_in_part()) {
            (None, _) => write!(f, ": {details}"),
            // The source says why.
            (Some(_), false) => Ok(()),
            (Some(_), true) => {
                f.write_str(": ")?;
                details.fmt_place(f)
            }
        }
    }
}

impl std::error::Error for EncodeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.refusal().map(|refusal| refusal as _)
    }
}

/// Bytes are not a value of the type expected.
///
/// The message names the type, the field, variant or element that failed, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError(Box<Unread>);

/// What is known of bytes that were not read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Unread {
    type_name: &'static str,
    details: Details,
    /// The system refused a duplicate of a descriptor in the value.
    refusal: Option<NotDuplicated>,
}

impl DecodeError {
    pub(crate) fn of<T: ?Sized>(reason: String) -> Self {
        Self::new::<T>(Details::new(reason), None)
    }

    pub(crate) fn from_codec<T: ?Sized>(error: Error, refusal: Option<NotDuplicated>) -> Self {
        Self::new::<T>(error.take(), refusal)
    }

    fn new<T: ?Sized>(details: Details, refusal: Option<NotDuplicated>) -> Self {
        let type_name = std::any::type_name::<T>();
        Self(Box::new(Unread { type_name, details, refusal }))
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unread { type_name, details, refusal } = &*self.0;
        let Some(refusal) = refusal else {
            return write!(f, "the bytes are no value of type `{type_name}`: {details}");
        };
        write!(f, "a value of type `{type_name}` cannot be read: ")?;
        if details.is_in_part() {
            details.fmt_place(f)?;
            f.write_str(": ")?;
        }
        refusal.fmt(f)
    }
}

impl std::error::Error for DecodeError {}
