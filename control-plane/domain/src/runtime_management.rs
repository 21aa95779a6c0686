//! When the runtime of a version is updated.

use serde::{Deserialize, Serialize};

use crate::Error;

/// `UpdateRuntimeOn`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum RuntimeManagement {
    /// When there is a newer one. [AWS: default]
    #[default]
    Auto,
    /// When the function is updated.
    FunctionUpdate,
    /// Never; the version that is named stays.
    Manual {
        /// `RuntimeVersionArn`.
        runtime_version_arn: String,
    },
}

impl RuntimeManagement {
    /// AWS's word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Auto => "Auto",
            Self::FunctionUpdate => "FunctionUpdate",
            Self::Manual { .. } => "Manual",
        }
    }

    /// The runtime version that stays.
    pub fn runtime_version_arn(&self) -> Option<&str> {
        match self {
            Self::Auto | Self::FunctionUpdate => None,
            Self::Manual { runtime_version_arn } => Some(runtime_version_arn),
        }
    }

    /// Reads the members of PutRuntimeManagementConfig. A runtime version is needed, and only looked at, with
    /// `Manual`. [AWS: PutRuntimeManagementConfig]
    ///
    /// # Errors
    /// `Manual` without a runtime version.
    pub fn read(update_runtime_on: &str, runtime_version_arn: Option<String>) -> Result<Self, Error> {
        match (update_runtime_on, runtime_version_arn) {
            ("Manual", Some(runtime_version_arn)) => Ok(Self::Manual { runtime_version_arn }),
            ("Manual", None) => Err(Error::InvalidParameter(
                "RuntimeVersionArn is required when UpdateRuntimeOn is Manual.".to_owned(),
            )),
            ("FunctionUpdate", _) => Ok(Self::FunctionUpdate),
            _ => Ok(Self::Auto),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_manual_needs_and_keeps_a_runtime_version() {
        let arn = || Some("arn:r".to_owned());
        let manual = RuntimeManagement::read("Manual", arn()).unwrap();
        assert_eq!((manual.as_str(), manual.runtime_version_arn()), ("Manual", Some("arn:r")));
        assert!(matches!(RuntimeManagement::read("Manual", None), Err(Error::InvalidParameter(_))));
        assert_eq!(RuntimeManagement::read("Auto", arn()), Ok(RuntimeManagement::Auto));
        assert_eq!(RuntimeManagement::read("FunctionUpdate", None), Ok(RuntimeManagement::FunctionUpdate));
    }
}
