//! Where a version's code is.

use serde::{Deserialize, Serialize};

/// SHA-256 of an archive, lower-case hex.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(pub String);

/// The code of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// A zip archive kept beside the store under its digest.
    Zip {
        /// Name of the archive.
        digest: Digest,
        /// Bytes of the archive.
        size: u64,
        /// Bytes of what is in it.
        #[serde(default)]
        unzipped: u64,
        /// `SourceKMSKeyArn`: stored and shown, nothing is encrypted with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source_kms_key_arn: Option<String>,
    },
    /// A folder of the engine's machine, mounted as it is. What changes in it runs at once.
    Folder {
        /// As the user gave it: absolute once variables of the environment (`$NAME`, `${NAME}`) are filled in.
        path: String,
    },
    /// A container image.
    Image {
        /// As the user gave it.
        uri: String,
        /// Which image that is. None while nobody could be asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<ImageVersion>,
        /// What the image says about itself. None until the engine has it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        own: Option<ImageDefaults>,
    },
}

/// One image, whatever its tag comes to mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageVersion {
    /// Digest in its registry, or the engine's id of an image that is in none: `sha256:<hex>`.
    pub digest: String,
    /// By which the engine knows it.
    pub reference: String,
}

/// What an image says about how it is run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ImageDefaults {
    /// `ENTRYPOINT`.
    pub entry_point: Vec<String>,
    /// `CMD`.
    pub command: Vec<String>,
    /// `WORKDIR`; none: not set.
    pub working_directory: Option<String>,
}

impl Code {
    /// `CodeSize`: bytes of the archive; 0 for everything else.
    pub fn size(&self) -> u64 {
        match self {
            Self::Zip { size, .. } => *size,
            Self::Folder { .. } | Self::Image { .. } => 0,
        }
    }

    /// Bytes that it has when it is unpacked, as far as that is for us to know.
    pub fn unzipped(&self) -> u64 {
        match self {
            Self::Zip { unzipped, .. } => *unzipped,
            Self::Folder { .. } | Self::Image { .. } => 0,
        }
    }

    /// The archive that must be kept for the code to run.
    pub fn archive(&self) -> Option<&Digest> {
        match self {
            Self::Zip { digest, .. } => Some(digest),
            Self::Folder { .. } | Self::Image { .. } => None,
        }
    }
}

/// The name of an image without tag and digest.
pub fn repository(reference: &str) -> &str {
    let name = reference.split_once('@').map_or(reference, |(name, _)| name);
    match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_an_image_without_its_tag() {
        for (reference, expected) in [
            ("localhost:5000/a/b:tag", "localhost:5000/a/b"),
            ("localhost:5000/a/b", "localhost:5000/a/b"),
            ("a@sha256:00", "a"),
            ("a:1@sha256:00", "a"),
            ("a", "a"),
        ] {
            assert_eq!(repository(reference), expected);
        }
    }
}
