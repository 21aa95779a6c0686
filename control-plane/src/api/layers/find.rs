//! Layer versions by what clients call them.

use lambdock_domain::layer::does_not_exist;
use lambdock_domain::{Error as DomainError, LayerId, LayerVersion, Scope};

use crate::api::{Caller, Context, Error};
use crate::store::Resources;

/// Reads `VersionNumber`.
///
/// # Errors
/// No version has it. [AWS: recorded]
pub(super) fn number(given: Option<i64>) -> Result<u64, Error> {
    let number = given.and_then(|number| u64::try_from(number).ok()).filter(|number| *number > 0);
    let refused = || DomainError::InvalidParameter("Layer Version Cannot be less than 1".to_owned());
    Ok(number.ok_or_else(refused)?)
}

/// The version, for somebody who may use it.
///
/// # Errors
/// It is not there, or another account's that has not shared it.
pub(super) async fn visible(
    context: &Context,
    caller: &Caller,
    layer: LayerId,
    number: u64,
) -> Result<LayerVersion, Error> {
    let caller = caller.scope.clone();
    let found =
        context.store.transact(move |resources| accessible(resources, &caller, &layer, number)).await?;
    Ok(found.ok_or_else(DomainError::resource_not_found)?)
}

/// The version, if it is there and the caller may use it. `None`: the caller has no such version.
///
/// # Errors
/// Another account's layer version that was not shared, in the same words whether or not it is there. [AWS: IAM]
pub(super) fn accessible(
    resources: &Resources<'_>,
    caller: &Scope,
    layer: &LayerId,
    number: u64,
) -> Result<Option<LayerVersion>, Error> {
    let version = resources.layer_version(layer, number)?;
    let account = &caller.account;
    if layer.scope.account == *account || version.as_ref().is_some_and(|version| version.admits(account)) {
        return Ok(version);
    }
    Err(DomainError::NotAuthorized(format!(
        "User: arn:{}:iam::{account}:root is not authorized to perform: lambda:GetLayerVersion on resource: {} \
         because no resource-based policy allows the lambda:GetLayerVersion action",
        caller.partition(),
        layer.version_arn(number)
    ))
    .into())
}

/// The version, for its owner, who alone may look at its policy and change it.
///
/// # Errors
/// It is another account's, or it is not there. [AWS: the second is recorded]
pub(super) fn owned(
    resources: &Resources<'_>,
    caller: &Scope,
    layer: &LayerId,
    number: u64,
) -> Result<LayerVersion, Error> {
    if layer.scope.account != caller.account {
        return Err(DomainError::ForeignAccount.into());
    }
    let version = resources.layer_version(layer, number)?;
    let missing = || DomainError::NotFound(does_not_exist(&layer.version_arn(number)));
    Ok(version.ok_or_else(missing)?)
}

/// [AWS: recorded]
pub(super) fn no_policy() -> DomainError {
    DomainError::NotFound("No policy is associated with the given resource.".to_owned())
}
