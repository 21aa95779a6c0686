use lambdock_domain::{Error as DomainError, LayerId};

use super::find;
use crate::api::{Caller, Context, Error, valid};
use crate::wire::{Violation, shapes};

/// DeleteLayerVersion. Functions that use the version keep it; deleting what is not there is no error. [AWS: recorded]
///
/// # Errors
/// Violations of the model; a number that no version has; another account's layer.
pub async fn delete_layer_version(
    context: &Context,
    caller: &Caller,
    input: shapes::DeleteLayerVersionRequest,
    violations: Vec<Violation>,
) -> Result<(), Error> {
    valid(violations)?;
    let number = find::number(input.version_number)?;
    let layer = LayerId::read(&input.layer_name.unwrap_or_default(), &caller.scope);
    if layer.scope.account != caller.scope.account {
        return Err(DomainError::ForeignAccount.into());
    }
    let removed = context
        .store
        .transact(move |resources| {
            let version = resources.layer_version(&layer, number)?;
            if let Some(version) = &version {
                resources.remove_layer_version(version)?;
            }
            Ok::<_, Error>(version)
        })
        .await?;
    if let Some(version) = removed {
        context.activation.unused(&version.digest).await;
    }
    Ok(())
}
