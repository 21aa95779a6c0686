use lambdock_domain::LayerId;

use super::find;
use crate::api::{Caller, Context, Error, valid};
use crate::wire::{Violation, shapes};

/// GetLayerVersionPolicy: who else may use a layer version, as JSON in a string.
///
/// # Errors
/// Violations of the model; not there; no policy.
pub async fn get_layer_version_policy(
    context: &Context,
    caller: &Caller,
    input: shapes::GetLayerVersionPolicyRequest,
    violations: Vec<Violation>,
) -> Result<shapes::GetLayerVersionPolicyResponse, Error> {
    valid(violations)?;
    let number = find::number(input.version_number)?;
    let scope = caller.scope.clone();
    let layer = LayerId::read(&input.layer_name.unwrap_or_default(), &scope);
    let version =
        context.store.transact(move |resources| find::owned(resources, &scope, &layer, number)).await?;
    let policy = version.policy.ok_or_else(find::no_policy)?;
    let document = serde_json::to_string(&policy.document()).map_err(crate::store::Error::from)?;
    Ok(shapes::GetLayerVersionPolicyResponse { policy: Some(document), revision_id: Some(policy.revision) })
}
