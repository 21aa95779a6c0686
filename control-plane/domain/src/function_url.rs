//! Function URLs: HTTP endpoints of functions and aliases.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// The tag of a function that chooses the first part of its URLs' host. (LocalStack)
pub const CUSTOM_ID_TAG: &str = "_custom_id_";

/// `InvokeMode` where none was chosen. [AWS: recorded]
pub const DEFAULT_INVOKE_MODE: &str = "BUFFERED";

/// A function URL's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionUrl {
    /// First part of the host; stays as it is for life.
    pub id: String,
    /// `NONE` or `AWS_IAM`.
    pub auth_type: String,
    /// Answers to browsers, if Lambda gives them.
    pub cors: Option<Cors>,
    /// `BUFFERED` or `RESPONSE_STREAM`, if it was chosen.
    pub invoke_mode: Option<String>,
    /// Of the creation.
    pub created: Timestamp,
    /// Of the last update.
    pub last_modified: Timestamp,
}

/// `Cors`. Members that were not given stay absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "AWS's names")]
pub struct Cors {
    pub allow_credentials: Option<bool>,
    pub allow_headers: Option<Vec<String>>,
    pub allow_methods: Option<Vec<String>>,
    pub allow_origins: Option<Vec<String>>,
    pub expose_headers: Option<Vec<String>>,
    pub max_age: Option<i64>,
}

/// The id that the tag's value chooses for a URL of the function or of one of its aliases. (LocalStack)
///
/// `None`: it cannot be the first part of a host name.
pub fn custom_id(value: &str, alias: Option<&str>) -> Option<String> {
    let bytes = value.as_bytes();
    let valid = bytes.first().is_some_and(u8::is_ascii_alphabetic)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.len() <= 63
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    valid.then(|| alias.map_or_else(|| value.to_owned(), |alias| format!("{value}-{alias}")))
}

/// The letters of an id that nobody has chosen. [AWS: 32 of them]
const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// An id from random bytes.
pub fn id(random: [u8; 32]) -> String {
    random.iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_custom_id_can_begin_a_host_name() {
        assert_eq!(custom_id("my-id", None).as_deref(), Some("my-id"));
        assert_eq!(custom_id("my-id", Some("v1")).as_deref(), Some("my-id-v1"));
        assert_eq!(custom_id("a", None).as_deref(), Some("a"));
        assert_eq!(custom_id(&"a".repeat(63), None), Some("a".repeat(63)));
        for invalid in ["", "_x", "1a", "a-", "a.b", "ä", &"a".repeat(64)] {
            assert_eq!(custom_id(invalid, None), None, "{invalid}");
        }
    }

    #[test]
    fn ids_have_32_letters_or_digits() {
        let id = id(std::array::from_fn(|at| u8::try_from(at * 8).unwrap()));
        assert_eq!(id.len(), 32);
        assert!(id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{id}");
    }
}
