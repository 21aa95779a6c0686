//! Code signing configurations. They are kept, shown and attached to functions; signatures themselves cannot be
//! checked without AWS Signer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Scope, Timestamp};

/// `UntrustedArtifactOnDeployment`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum UntrustedArtifact {
    /// Code without a valid signature is deployed and logged. [AWS: default]
    #[default]
    Warn,
    /// AWS refuses it.
    Enforce,
}

impl UntrustedArtifact {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warn => "Warn",
            Self::Enforce => "Enforce",
        }
    }

    /// Reads AWS's word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Warn, Self::Enforce].into_iter().find(|word| word.as_str() == text)
    }
}

/// A code signing configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeSigningConfig {
    /// Where it lives.
    pub scope: Scope,
    /// `csc-` and 17 lower-case hex digits.
    pub id: String,
    /// Up to 256 characters.
    pub description: Option<String>,
    /// `AllowedPublishers.SigningProfileVersionArns`.
    pub signing_profile_version_arns: Vec<String>,
    /// `CodeSigningPolicies.UntrustedArtifactOnDeployment`.
    pub untrusted_artifact: UntrustedArtifact,
    /// Of the last update.
    pub last_modified: Timestamp,
    /// Shown by ListTags.
    pub tags: BTreeMap<String, String>,
}

impl CodeSigningConfig {
    /// Its ARN.
    pub fn arn(&self) -> String {
        let Scope { account, region } = &self.scope;
        format!("arn:{}:lambda:{region}:{account}:code-signing-config:{}", self.scope.partition(), self.id)
    }
}

/// The id in the ARN of a code signing configuration of this account and region.
pub fn id_in_arn<'a>(arn: &'a str, scope: &Scope) -> Option<&'a str> {
    let parts: Vec<&str> = arn.split(':').collect();
    match parts.as_slice() {
        ["arn", _, "lambda", region, account, "code-signing-config", id]
            if *region == scope.region && *account == scope.account =>
        {
            Some(id)
        }
        _ => None,
    }
}

/// What a function has: the ARN of its configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FunctionCodeSigning(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_found_by_its_own_arn_only() {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        let config = CodeSigningConfig {
            scope: scope.clone(),
            id: "csc-0123456789abcdef0".into(),
            description: None,
            signing_profile_version_arns: Vec::new(),
            untrusted_artifact: UntrustedArtifact::Warn,
            last_modified: Timestamp(0),
            tags: BTreeMap::new(),
        };
        let arn = config.arn();
        assert_eq!(arn, "arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-0123456789abcdef0");
        assert_eq!(id_in_arn(&arn, &scope), Some("csc-0123456789abcdef0"));
        assert_eq!(id_in_arn(&arn, &Scope { region: "eu-west-1".into(), ..scope.clone() }), None);
        assert_eq!(id_in_arn(&arn, &Scope { account: "111111111111".into(), ..scope }), None);
    }
}
