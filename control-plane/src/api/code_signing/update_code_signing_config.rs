use lambdock_domain::code_signing::UntrustedArtifact;

use super::{find, show};
use crate::api::{Caller, Context, Error, now, valid};
use crate::wire::{Violation, shapes};

/// UpdateCodeSigningConfig: changes what is given.
///
/// # Errors
/// Violations of the model; a configuration that is missing.
pub async fn update_code_signing_config(
    context: &Context,
    caller: &Caller,
    input: shapes::UpdateCodeSigningConfigRequest,
    violations: Vec<Violation>,
) -> Result<shapes::UpdateCodeSigningConfigResponse, Error> {
    valid(violations)?;
    let scope = caller.scope.clone();
    let config = context
        .store
        .transact(move |resources| {
            let arn = input.code_signing_config_arn.unwrap_or_default();
            let mut config = find::found(resources, &scope, &arn)?;
            let publishers =
                input.allowed_publishers.and_then(|allowed| allowed.signing_profile_version_arns);
            let policy =
                input.code_signing_policies.and_then(|policies| policies.untrusted_artifact_on_deployment);
            config.description = input.description.or(config.description);
            config.signing_profile_version_arns = publishers.unwrap_or(config.signing_profile_version_arns);
            config.untrusted_artifact =
                policy.as_deref().and_then(UntrustedArtifact::parse).unwrap_or(config.untrusted_artifact);
            config.last_modified = now();
            resources.put_code_signing_config(&config)?;
            Ok::<_, Error>(config)
        })
        .await?;
    Ok(shapes::UpdateCodeSigningConfigResponse { code_signing_config: Some(show::config(config)) })
}
