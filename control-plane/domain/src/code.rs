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
        /// Digest of the image once the engine has it, `sha256:<hex>`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        digest: Option<String>,
    },
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
