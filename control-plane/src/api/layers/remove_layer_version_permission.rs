use lambdock_domain::{Error as DomainError, LayerId};

use super::find;
use crate::api::{Caller, Context, Error, new_id, valid};
use crate::wire::{Violation, shapes};

/// RemoveLayerVersionPermission: one statement less. The policy goes with the last one.
///
/// # Errors
/// Violations of the model; a version, policy or statement that is missing; a stale revision.
pub async fn remove_layer_version_permission(
    context: &Context,
    caller: &Caller,
    input: shapes::RemoveLayerVersionPermissionRequest,
    violations: Vec<Violation>,
) -> Result<(), Error> {
    valid(violations)?;
    let number = find::number(input.version_number)?;
    let scope = caller.scope.clone();
    let layer = LayerId::read(&input.layer_name.unwrap_or_default(), &scope);
    let (sid, given) = (input.statement_id.unwrap_or_default(), input.revision_id);
    context
        .store
        .transact(move |resources| {
            let mut version = find::owned(resources, &scope, &layer, number)?;
            let policy = version.policy.take().ok_or_else(find::no_policy)?;
            if given.is_some_and(|given| given != policy.revision) {
                return Err(DomainError::LayerPolicyRevisionMismatch.into());
            }
            version.policy = policy.without(&sid, new_id())?;
            Ok(resources.put_layer_version(&version)?)
        })
        .await
}
