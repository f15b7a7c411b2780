//! Who may do what.
//!
//! In: a secret somebody shows. Out: what it opens. Always: only hashes are kept, in memory and on
//! disk; a secret is looked up by its hash, so no comparison takes longer the better the guess.

use crate::judge::Ms;
use crate::store::Token;
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

/// How old a note of the last use may be in the database, in milliseconds: an hour.
const NOTED: Ms = 3_600_000;

/// All secrets, by their hashes.
#[derive(Debug, Default)]
pub struct Access {
    tokens: HashMap<[u8; 32], Entry>,
}

#[derive(Debug)]
struct Entry {
    scope: Scope,
    host: Option<String>,
    /// Made by the API and kept, rather than given as an option.
    is_kept: bool,
    created: Option<Ms>,
    used: Option<Ms>,
    /// The last use that the database knows.
    noted: Option<Ms>,
}

/// A token as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenView {
    /// The beginning of its hash.
    pub id: String,
    /// What it opens.
    pub scope: Scope,
    /// For which host alone.
    pub host: Option<String>,
    /// Made by the API, so that it can be revoked there.
    pub is_kept: bool,
    /// Unix milliseconds.
    pub created: Option<Ms>,
    /// Unix milliseconds.
    pub used: Option<Ms>,
}

/// Why a token was not revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotRevoked {
    /// No token, or more than one, has this id.
    Unknown,
    /// It is an option of the monitor.
    Given,
}

impl Access {
    /// Has a token from the options open `scope`, for one host if one is named.
    pub fn allow(&mut self, hash: [u8; 32], scope: Scope, host: Option<String>) {
        let entry = Entry { scope, host, is_kept: false, created: None, used: None, noted: None };
        self.tokens.insert(hash, entry);
    }

    /// Takes in a token that is kept, unless its scope is that of a newer release.
    pub fn keep(&mut self, token: Token) {
        let Token { hash, scope, host, created, used } = token;
        if let Some(scope) = Scope::of_word(&scope) {
            let entry = Entry { scope, host, is_kept: true, created, used, noted: used };
            self.tokens.insert(hash, entry);
        }
    }

    /// What a secret opens, and for which host. It is used now.
    pub fn of(&mut self, secret: &str, now: Ms) -> Option<(Scope, Option<&str>)> {
        let entry = self.tokens.get_mut(&hash(secret))?;
        entry.used = Some(now);
        Some((entry.scope, entry.host.as_deref()))
    }

    /// All tokens, the oldest first.
    pub fn list(&self) -> Vec<TokenView> {
        let view = |(hash, entry): (&[u8; 32], &Entry)| TokenView {
            id: id(hash),
            scope: entry.scope,
            host: entry.host.clone(),
            is_kept: entry.is_kept,
            created: entry.created,
            used: entry.used,
        };
        let mut views: Vec<TokenView> = self.tokens.iter().map(view).collect();
        views.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        views
    }

    /// Takes the token of this id away; gives its hash.
    pub fn revoke(&mut self, wanted: &str) -> Result<[u8; 32], NotRevoked> {
        let mut found = self.tokens.iter().filter(|(hash, _)| id(hash) == wanted);
        let (Some((hash, entry)), None) = (found.next(), found.next()) else {
            return Err(NotRevoked::Unknown);
        };
        if !entry.is_kept {
            return Err(NotRevoked::Given);
        }
        let hash = *hash;
        self.tokens.remove(&hash);
        Ok(hash)
    }

    /// Kept tokens whose last use the database does not know well enough.
    pub fn unnoted(&mut self) -> Vec<Token> {
        let is_due = |entry: &Entry| {
            let noted = entry.noted.unwrap_or(0);
            entry.is_kept && entry.used.is_some_and(|used| used >= noted.saturating_add(NOTED))
        };
        let due = self.tokens.iter_mut().filter(|(_, entry)| is_due(entry));
        due.map(|(hash, entry)| {
            entry.noted = entry.used;
            entry.token(*hash)
        })
        .collect()
    }
}

impl Entry {
    fn token(&self, hash: [u8; 32]) -> Token {
        let scope = self.scope.word().to_owned();
        Token { hash, scope, host: self.host.clone(), created: self.created, used: self.used }
    }
}

/// By what a token is named: twelve digits of its hash, which do not give its secret away.
fn id(hash: &[u8; 32]) -> String {
    let first = hash.first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
    format!("{:012x}", first >> 16)
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
