//! Pure: how code signing configurations look to clients.

use lambdock_domain::code_signing::CodeSigningConfig;

use crate::api::functions::show::date;
use crate::wire::shapes;

pub(super) fn config(config: CodeSigningConfig) -> shapes::CodeSigningConfig {
    shapes::CodeSigningConfig {
        code_signing_config_arn: Some(config.arn()),
        code_signing_config_id: Some(config.id),
        description: config.description,
        allowed_publishers: Some(shapes::AllowedPublishers {
            signing_profile_version_arns: Some(config.signing_profile_version_arns),
        }),
        code_signing_policies: Some(shapes::CodeSigningPolicies {
            untrusted_artifact_on_deployment: Some(config.untrusted_artifact.as_str().to_owned()),
        }),
        last_modified: Some(date(config.last_modified)),
    }
}
