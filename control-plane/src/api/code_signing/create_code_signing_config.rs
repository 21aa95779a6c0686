use std::collections::BTreeMap;

use lambdock_domain::code_signing::{CodeSigningConfig, UntrustedArtifact};
use lambdock_domain::tags;

use super::show;
use crate::api::{Caller, Context, Error, new_id, now, valid};
use crate::wire::{Violation, shapes};

/// CreateCodeSigningConfig.
///
/// # Errors
/// Violations of the model; tags that cannot be.
pub async fn create_code_signing_config(
    context: &Context,
    caller: &Caller,
    input: shapes::CreateCodeSigningConfigRequest,
    violations: Vec<Violation>,
) -> Result<shapes::CreateCodeSigningConfigResponse, Error> {
    valid(violations)?;
    let tags: BTreeMap<String, String> = input.tags.into_iter().flatten().collect();
    tags::check(&tags, context.rules.get().limits.tags)?;
    let publishers = input.allowed_publishers.and_then(|allowed| allowed.signing_profile_version_arns);
    let policy = input.code_signing_policies.and_then(|policies| policies.untrusted_artifact_on_deployment);
    let config = CodeSigningConfig {
        scope: caller.scope.clone(),
        id: fresh_id(),
        description: input.description,
        signing_profile_version_arns: publishers.unwrap_or_default(),
        untrusted_artifact: policy.as_deref().and_then(UntrustedArtifact::parse).unwrap_or_default(),
        last_modified: now(),
        tags,
    };
    let shown = show::config(config.clone());
    context
        .store
        .transact(move |resources| Ok::<_, Error>(resources.put_code_signing_config(&config)?))
        .await?;
    Ok(shapes::CreateCodeSigningConfigResponse { code_signing_config: Some(shown) })
}

/// `csc-` and 17 hex digits. [AWS: recorded]
fn fresh_id() -> String {
    let digits: String = new_id().chars().filter(char::is_ascii_hexdigit).rev().take(17).collect();
    format!("csc-{digits}")
}
