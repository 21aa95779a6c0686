//! Tags of resources.

use std::collections::BTreeMap;

use crate::Error;

/// What AWS keeps for itself.
const RESERVED_PREFIX: &str = "aws:";

/// Characters of a key and of a value. [AWS: tagging of Lambda resources]
const KEY_LENGTH: usize = 128;
const VALUE_LENGTH: usize = 256;

/// Whether a resource may have these tags.
///
/// # Errors
/// There are more than `limit` [AWS: recorded], or one has a key or a value that tags cannot have.
pub fn check(tags: &BTreeMap<String, String>, limit: usize) -> Result<(), Error> {
    if tags.len() > limit {
        return Err(Error::InvalidParameter("Number of tags exceeds resource tag limit.".to_owned()));
    }
    for (key, value) in tags {
        let fault = if key.is_empty() || key.chars().count() > KEY_LENGTH {
            format!("Tag keys must have 1 to {KEY_LENGTH} characters: {key}")
        } else if key.to_ascii_lowercase().starts_with(RESERVED_PREFIX) {
            format!("Tag keys that begin with {RESERVED_PREFIX} are reserved: {key}")
        } else if value.chars().count() > VALUE_LENGTH {
            format!("Tag values must have {VALUE_LENGTH} characters at most: {key}")
        } else {
            continue;
        };
        return Err(Error::InvalidParameter(fault));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(tags: &[(&str, &str)]) -> Result<(), Error> {
        check(&tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(), 2)
    }

    #[test]
    fn a_resource_has_so_many_tags() {
        assert_eq!(checked(&[("a", ""), ("b", "")]), Ok(()));
        let message = "Number of tags exceeds resource tag limit.";
        assert_eq!(checked(&[("a", ""), ("b", ""), ("c", "")]), Err(Error::InvalidParameter(message.into())));
    }

    #[test]
    fn keys_and_values_have_their_limits() {
        assert!(checked(&[("", "v")]).is_err());
        assert!(checked(&[("aws:x", "v")]).is_err());
        assert!(checked(&[("AWS:x", "v")]).is_err());
        assert_eq!(checked(&[(&"ä".repeat(128), &"ä".repeat(256))]), Ok(()));
        assert!(checked(&[(&"k".repeat(129), "v")]).is_err());
        assert!(checked(&[("k", &"v".repeat(257))]).is_err());
    }
}
