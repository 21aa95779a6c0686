//! Layer versions by what clients call them.

use lambdock_domain::layer::does_not_exist;
use lambdock_domain::{Error as DomainError, LayerId, LayerVersion};

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
    let found = context
        .store
        .transact(move |resources| Ok::<_, Error>(resources.layer_version(&layer, number)?))
        .await?;
    let version = found.ok_or_else(DomainError::resource_not_found)?;
    check_access(&version, caller)?;
    Ok(version)
}

/// # Errors
/// Another account's layer version that was not shared. [AWS: recorded]
pub(super) fn check_access(version: &LayerVersion, caller: &Caller) -> Result<(), Error> {
    let account = &caller.scope.account;
    if version.admits(account) {
        return Ok(());
    }
    let partition = caller.scope.partition();
    Err(DomainError::NotAuthorized(format!(
        "User: arn:{partition}:iam::{account}:root is not authorized to perform: lambda:GetLayerVersion on resource: {} \
         because no resource-based policy allows the lambda:GetLayerVersion action",
        version.arn()
    ))
    .into())
}

/// The version, for its owner, who wants to change its policy.
///
/// # Errors
/// It is not there. [AWS: recorded]
pub(super) fn owned(resources: &Resources<'_>, layer: &LayerId, number: u64) -> Result<LayerVersion, Error> {
    let version = resources.layer_version(layer, number)?;
    let missing = || DomainError::NotFound(does_not_exist(&layer.version_arn(number)));
    Ok(version.ok_or_else(missing)?)
}

/// [AWS: recorded]
pub(super) fn no_policy() -> DomainError {
    DomainError::NotFound("No policy is associated with the given resource.".to_owned())
}
