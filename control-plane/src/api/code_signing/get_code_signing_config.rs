use super::{find, show};
use crate::api::{Caller, Context, Error, valid};
use crate::wire::{Violation, shapes};

/// GetCodeSigningConfig.
///
/// # Errors
/// Violations of the model; a configuration that is missing.
pub async fn get_code_signing_config(
    context: &Context,
    caller: &Caller,
    input: shapes::GetCodeSigningConfigRequest,
    violations: Vec<Violation>,
) -> Result<shapes::GetCodeSigningConfigResponse, Error> {
    valid(violations)?;
    let (scope, arn) = (caller.scope.clone(), input.code_signing_config_arn.unwrap_or_default());
    let config = context.store.transact(move |resources| find::found(resources, &scope, &arn)).await?;
    Ok(shapes::GetCodeSigningConfigResponse { code_signing_config: Some(show::config(config)) })
}
