//! The formats: bytes of a value, and a value of bytes.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Display;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Format {
    Postcard,
    Bincode,
    Bitcode,
    RmpCompact,
    RmpNamed,
    Ciborium,
    Minicbor,
    Pot,
    Brief,
    Json,
    Procession,
}

fn text(error: impl Display) -> String {
    error.to_string()
}

impl Format {
    pub(crate) const ALL: &[Self] = &[
        Self::Postcard,
        Self::Bincode,
        Self::Bitcode,
        Self::RmpCompact,
        Self::RmpNamed,
        Self::Ciborium,
        Self::Minicbor,
        Self::Pot,
        Self::Brief,
        Self::Json,
        Self::Procession,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Postcard => "postcard 1",
            Self::Bincode => "bincode 2",
            Self::Bitcode => "bitcode 0.6",
            Self::RmpCompact => "rmp-serde 1, compact",
            Self::RmpNamed => "rmp-serde 1, named",
            Self::Ciborium => "ciborium 0.2",
            Self::Minicbor => "minicbor-serde 0.6",
            Self::Pot => "pot 3",
            Self::Brief => "serde-brief 0.2",
            Self::Json => "serde_json 1",
            Self::Procession => "procession",
        }
    }

    /// Sends a value: writes it and reads it.
    ///
    /// # Errors
    ///
    /// The text of the format's own error.
    pub(crate) fn cross<T>(self, value: T) -> Result<T, String>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
    {
        match self {
            Self::Postcard => {
                let bytes = postcard::to_stdvec(&value).map_err(text)?;
                postcard::from_bytes(&bytes).map_err(text)
            }
            Self::Bincode => {
                let options = bincode::config::standard();
                let bytes = bincode::serde::encode_to_vec(&value, options).map_err(text)?;
                let decoded = bincode::serde::decode_from_slice(&bytes, options).map_err(text)?;
                Ok(decoded.0)
            }
            Self::Bitcode => {
                let bytes = bitcode::serialize(&value).map_err(text)?;
                bitcode::deserialize(&bytes).map_err(text)
            }
            Self::RmpCompact => {
                let bytes = rmp_serde::to_vec(&value).map_err(text)?;
                rmp_serde::from_slice(&bytes).map_err(text)
            }
            Self::RmpNamed => {
                let bytes = rmp_serde::to_vec_named(&value).map_err(text)?;
                rmp_serde::from_slice(&bytes).map_err(text)
            }
            Self::Ciborium => {
                let mut bytes = Vec::new();
                ciborium::into_writer(&value, &mut bytes).map_err(text)?;
                ciborium::from_reader(&bytes[..]).map_err(text)
            }
            Self::Minicbor => {
                let bytes = minicbor_serde::to_vec(&value).map_err(text)?;
                minicbor_serde::from_slice(&bytes).map_err(text)
            }
            Self::Pot => {
                let bytes = pot::to_vec(&value).map_err(text)?;
                pot::from_slice(&bytes).map_err(text)
            }
            Self::Brief => {
                let bytes = serde_brief::to_vec(&value).map_err(text)?;
                serde_brief::from_slice(&bytes).map_err(text)
            }
            Self::Json => {
                let bytes = serde_json::to_vec(&value).map_err(text)?;
                serde_json::from_slice(&bytes).map_err(text)
            }
            Self::Procession => {
                let (sender, receiver) = procession::channel().map_err(text)?;
                sender.send(value).map_err(text)?;
                receiver.recv().map_err(text)
            }
        }
    }
}
