//! Who a peer is, as its certificate says.
//!
//! A certificate names its holder in one subject alternative name of the form
//! `multibeam://role/<role>/<kind>/<name>`, where the kind is `cluster` for a worker (the name is
//! that of its cluster) and `name` otherwise. The name is percent-encoded.

use std::fmt;
use std::str::FromStr;

use rustls::pki_types::CertificateDer;

/// What a service or person may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Decides what runs where.
    Coordinator,
    /// Keeps the ledger.
    Aggregator,
    /// Runs suites next to one cluster.
    Worker,
    /// Submits runs and reads results.
    User,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 4] = [Self::Coordinator, Self::Aggregator, Self::Worker, Self::User];

    /// The role's word in certificates and file names.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Coordinator => "coordinator",
            Self::Aggregator => "aggregator",
            Self::Worker => "worker",
            Self::User => "user",
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Self::Worker => "cluster",
            Self::Coordinator | Self::Aggregator | Self::User => "name",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that is no role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown role `{word}`, expected coordinator, aggregator, worker, or user")]
pub struct UnknownRole {
    /// The word.
    pub word: String,
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(word: &str) -> Result<Self, UnknownRole> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == word)
            .ok_or_else(|| UnknownRole { word: word.to_owned() })
    }
}

/// The holder of a certificate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// What it may be.
    pub role: Role,
    /// Its name; for a worker that of its cluster.
    pub name: String,
}

/// A certificate does not say who its holder is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// It is no X.509 certificate.
    #[error("damaged certificate")]
    Damaged(#[source] webpki::Error),
    /// It has not exactly one name of ours.
    #[error(
        "the certificate has {found} subject alternative names that begin with `multibeam://`, \
         expected one (hint: make certificates with `multibeam pki`)"
    )]
    Count {
        /// How many there are.
        found: usize,
    },
    /// The name cannot be read.
    #[error("`{uri}` names no holder, expected multibeam://role/<role>/<name or cluster>/<name>")]
    Malformed {
        /// The name.
        uri: String,
    },
}

const SCHEME: &str = "multibeam://";

impl Identity {
    /// The subject alternative name for this holder.
    #[must_use]
    pub fn to_uri(&self) -> String {
        let (role, kind) = (self.role, self.role.kind());
        format!("{SCHEME}role/{role}/{kind}/{}", encode(&self.name))
    }

    /// Reads what [`Identity::to_uri`] wrote.
    ///
    /// # Errors
    /// It has another form.
    pub fn from_uri(uri: &str) -> Result<Self, IdentityError> {
        let parse = || {
            let mut parts = uri.strip_prefix(SCHEME)?.strip_prefix("role/")?.split('/');
            let role: Role = parts.next()?.parse().ok()?;
            let (kind, name, rest) = (parts.next()?, decode(parts.next()?)?, parts.next());
            (kind == role.kind() && !name.is_empty() && rest.is_none())
                .then_some(Self { role, name })
        };
        parse().ok_or_else(|| IdentityError::Malformed { uri: uri.to_owned() })
    }

    /// The holder of a certificate. Says nothing of whether the certificate is to be trusted:
    /// that is for the TLS handshake.
    ///
    /// # Errors
    /// It has not exactly one name of ours.
    pub fn from_certificate(certificate: &CertificateDer<'_>) -> Result<Self, IdentityError> {
        let certificate =
            webpki::EndEntityCert::try_from(certificate).map_err(IdentityError::Damaged)?;
        let uris: Vec<&str> =
            certificate.valid_uri_names().filter(|uri| uri.starts_with(SCHEME)).collect();
        match uris[..] {
            [uri] => Self::from_uri(uri),
            _ => Err(IdentityError::Count { found: uris.len() }),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.role, self.name)
    }
}

/// Percent-encodes all but RFC 3986's unreserved characters.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first == b'%' {
            let (hex, after) = rest.split_at_checked(2)?;
            let hex = str::from_utf8(hex).ok()?;
            if !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return None;
            }
            bytes.push(u8::from_str_radix(hex, 16).ok()?);
            rest = after;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_the_certificate() {
        for role in Role::ALL {
            for name in ["v1-36-a", "a/b c%", "Köln", "../.."] {
                let identity = Identity { role, name: name.to_owned() };
                let uri = identity.to_uri();
                assert!(uri.is_ascii(), "{uri}");
                assert_eq!(Identity::from_uri(&uri), Ok(identity));
            }
        }
        let worker = Identity { role: Role::Worker, name: "blue".to_owned() };
        assert_eq!(worker.to_uri(), "multibeam://role/worker/cluster/blue");
    }

    #[test]
    fn other_forms_are_refused() {
        for uri in [
            "",
            "https://role/worker/cluster/a",
            "multibeam://role/worker/name/a",
            "multibeam://role/user/cluster/a",
            "multibeam://role/root/name/a",
            "multibeam://role/user/name/",
            "multibeam://role/user/name",
            "multibeam://role/user/name/a/b",
            "multibeam://role/user/name/%",
            "multibeam://role/user/name/%+1",
            "multibeam://role/user/name/%FF",
        ] {
            assert!(Identity::from_uri(uri).is_err(), "{uri}");
        }
    }
}
