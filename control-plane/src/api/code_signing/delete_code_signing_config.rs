use lambdock_domain::Error as DomainError;
use lambdock_domain::code_signing::FunctionCodeSigning;

use super::find;
use crate::api::{Caller, Context, Error, valid};
use crate::wire::{Violation, shapes};

/// DeleteCodeSigningConfig: only if no function has it. [AWS: DeleteCodeSigningConfig]
///
/// # Errors
/// Violations of the model; a configuration that is missing, or that a function has.
pub async fn delete_code_signing_config(
    context: &Context,
    caller: &Caller,
    input: shapes::DeleteCodeSigningConfigRequest,
    violations: Vec<Violation>,
) -> Result<shapes::DeleteCodeSigningConfigResponse, Error> {
    valid(violations)?;
    let (scope, arn) = (caller.scope.clone(), input.code_signing_config_arn.unwrap_or_default());
    context
        .store
        .transact(move |resources| {
            let config = find::found(resources, &scope, &arn)?;
            if let Some(first) = resources.attached_by::<FunctionCodeSigning>(&config.arn())?.first() {
                return Err(Error::from(DomainError::Conflict(format!(
                    "The Lambda code signing configuration {arn} cannot be deleted: it is attached to the function {}.",
                    first.function.arn()
                ))));
            }
            resources.remove_code_signing_config(&scope, &config.id)?;
            Ok(())
        })
        .await?;
    Ok(shapes::DeleteCodeSigningConfigResponse::default())
}
