//! Who may do what.
//!
//! In: a secret somebody shows. Out: what it opens. Always: only hashes are kept, in memory and on
//! disk; a secret is looked up by its hash, so no comparison takes longer the better the guess.

use sha2::{Digest, Sha256};
use std::collections::HashMap;
use uuid::Uuid;

/// What a secret opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Sending beats, for one host or for any; reading nothing.
    Beat,
    /// Pinging checks by their slugs.
    Ping,
    /// Reading through the management API.
    Read,
    /// Everything.
    Admin,
}

/// All secrets, by their hashes.
#[derive(Debug, Default)]
pub struct Access {
    tokens: HashMap<[u8; 32], (Scope, Option<String>)>,
}

impl Access {
    /// Lets `hash` open `scope`, for one host if one is named.
    pub fn allow(&mut self, hash: [u8; 32], scope: Scope, host: Option<String>) {
        self.tokens.insert(hash, (scope, host));
    }

    /// What a secret opens, and for which host.
    pub fn of(&self, secret: &str) -> Option<(Scope, Option<&str>)> {
        let (scope, host) = self.tokens.get(&hash(secret))?;
        Some((*scope, host.as_deref()))
    }
}

/// A secret as it is kept.
pub fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// A new secret: 32 hexadecimal digits of the kernel's randomness.
pub fn new_secret() -> String {
    Uuid::new_v4().simple().to_string()
}

impl Scope {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Scope::Beat => "beat",
            Scope::Ping => "ping",
            Scope::Read => "read",
            Scope::Admin => "admin",
        }
    }

    /// The scope of that word.
    pub fn of_word(word: &str) -> Option<Scope> {
        [Scope::Beat, Scope::Ping, Scope::Read, Scope::Admin]
            .into_iter()
            .find(|scope| scope.word() == word)
    }
}
