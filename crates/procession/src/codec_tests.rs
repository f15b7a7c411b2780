//! What crosses, attribute by attribute and type by type; and what is refused.

#![allow(
    clippy::option_option,
    clippy::items_after_statements,
    clippy::needless_pass_by_value,
    clippy::trivially_copy_pass_by_ref,
    clippy::zero_sized_map_values,
    clippy::struct_field_names,
    clippy::float_cmp,
    reason = "types and values as users may have them"
)]

mod attributes;
mod content;
mod hostile;
mod kept_names;
mod nesting;
mod numbers;
mod refused;
mod standard;
mod versions;

use crate::codec::{LEVELS, read, write};
use crate::value_error::{DecodeError, EncodeError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;

/// The message for a value.
fn written<T: Serialize>(value: &T) -> Vec<u8> {
    try_written(value).unwrap_or_else(|error| panic!("{error}"))
}

fn try_written<T: Serialize>(value: &T) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::new();
    write(&mut out, value).map_err(|error| EncodeError::of::<T>(error, None))?;
    Ok(out)
}

fn try_read<'de, T: Deserialize<'de>>(message: &'de [u8]) -> Result<T, DecodeError> {
    read(message, false).map_err(|error| DecodeError::from_codec::<T>(error, None))
}

/// What comes of a value; by position and by name it must be the same.
fn crossed<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) -> T {
    let message = written(value);
    let by_name: T = read(&message, true).expect("the value, by name");
    let back: T = try_read(&message).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(back, by_name);
    back
}

/// Checks that a value crosses as it is.
fn same<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T) {
    assert_eq!(crossed(&value), value);
}

/// Why a value cannot be read as another type.
fn refused<T: DeserializeOwned + Debug>(value: &impl Serialize) -> String {
    try_read::<T>(&written(value)).expect_err("another type").to_string()
}
