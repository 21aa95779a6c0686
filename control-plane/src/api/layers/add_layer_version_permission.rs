use lambdock_domain::policy::Permission;
use lambdock_domain::{Error as DomainError, LayerId};

use super::find;
use crate::api::{Caller, Context, Error, permissions, valid};
use crate::wire::{Violation, shapes};

/// AddLayerVersionPermission: one statement more in the policy of a layer version.
///
/// # Errors
/// Violations of the model; not there; a statement id that is taken; a stale revision; a policy that would be too long.
pub async fn add_layer_version_permission(
    context: &Context,
    caller: &Caller,
    input: shapes::AddLayerVersionPermissionRequest,
    violations: Vec<Violation>,
) -> Result<shapes::AddLayerVersionPermissionResponse, Error> {
    valid(violations)?;
    let number = find::number(input.version_number)?;
    let scope = caller.scope.clone();
    let layer = LayerId::read(&input.layer_name.unwrap_or_default(), &scope);
    let given = input.revision_id;
    let permission = Permission {
        statement_id: input.statement_id.unwrap_or_default(),
        action: input.action.unwrap_or_default(),
        principal: input.principal.unwrap_or_default(),
        principal_org_id: input.organization_id,
        ..Permission::default()
    };
    let (statement, revision) = context
        .store
        .transact(move |resources| {
            let mut version = find::owned(resources, &scope, &layer, number)?;
            let statement = permission.statement(version.arn(), &layer.scope)?;
            let text = serde_json::to_string(&statement).map_err(crate::store::Error::from)?;
            let before = version.policy.take();
            if given.is_some_and(|given| before.as_ref().is_none_or(|policy| policy.revision != given)) {
                return Err(DomainError::LayerPolicyRevisionMismatch.into());
            }
            let policy = permissions::extended(before, statement)?;
            let revision = policy.revision.clone();
            version.policy = Some(policy);
            resources.put_layer_version(&version)?;
            Ok::<_, Error>((text, revision))
        })
        .await?;
    Ok(shapes::AddLayerVersionPermissionResponse { statement: Some(statement), revision_id: Some(revision) })
}
