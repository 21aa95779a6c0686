//! Code signing configurations by their ARNs.

use lambdock_domain::code_signing::{CodeSigningConfig, FunctionCodeSigning, id_in_arn};
use lambdock_domain::{Error as DomainError, Scope};

use crate::api::{Caller, Context, Error};
use crate::store::Resources;

/// The configuration that `arn` names in this account and region.
///
/// # Errors
/// The store failed.
pub(super) fn find(
    resources: &Resources<'_>,
    scope: &Scope,
    arn: &str,
) -> Result<Option<CodeSigningConfig>, Error> {
    match id_in_arn(arn, scope) {
        Some(id) => Ok(resources.code_signing_config(scope, id)?),
        None => Ok(None),
    }
}

/// The same for operations on the configuration itself.
///
/// # Errors
/// It is missing, or the store failed.
pub(super) fn found(resources: &Resources<'_>, scope: &Scope, arn: &str) -> Result<CodeSigningConfig, Error> {
    find(resources, scope, arn)?.ok_or_else(|| DomainError::NoCodeSigningConfig(arn.to_owned()).into())
}

/// What a new function has that is to have the configuration `arn`.
///
/// # Errors
/// The configuration is missing, or the store failed.
pub(in crate::api) async fn attachable(
    context: &Context,
    caller: &Caller,
    arn: String,
) -> Result<FunctionCodeSigning, Error> {
    let scope = caller.scope.clone();
    context
        .store
        .transact(move |resources| match find(resources, &scope, &arn)? {
            Some(config) => Ok(FunctionCodeSigning(config.arn())),
            None => Err(DomainError::CodeSigningConfigNotFound(arn).into()),
        })
        .await
}

/// What is said of functions that are images: nobody signs their code here. [AWS: as users report it]
pub(in crate::api) fn not_for_images() -> DomainError {
    let message = "Code signing is not supported for functions created with container images.";
    DomainError::InvalidParameter(message.to_owned())
}
