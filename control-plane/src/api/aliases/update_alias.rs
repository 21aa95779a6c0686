use lambdock_domain::Error as DomainError;
use lambdock_domain::concurrency::Provisioned;

use super::{check, routing, show, target};
use crate::api::functions::{changed, named};
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error, new_id};
use crate::wire::{Violation, shapes};

/// UpdateAlias: what was given replaces what was there; a `RoutingConfig` without weights ends the routing. Each
/// update gives a new revision.
///
/// # Errors
/// AWS's for names and routing; an alias or versions that do not exist; a stale revision.
pub async fn update_alias(
    context: &Context,
    caller: &Caller,
    input: shapes::UpdateAliasRequest,
    violations: Vec<Violation>,
) -> Result<shapes::AliasConfiguration, Error> {
    let named = named(caller, Reach::AnyAccount, input.function_name.as_deref(), None, violations)?;
    let (id, name) = (named.id.clone(), input.name.unwrap_or_default());
    let updated = context.store.change(&named.id, move |changing| {
        let missing = || DomainError::NotFound(format!("Alias not found: {}", id.qualified_arn(&name)));
        let mut alias = changing.alias(&name)?.ok_or_else(missing)?;
        if input.revision_id.is_some_and(|revision| revision != alias.revision) {
            return Err(DomainError::RevisionMismatch.into());
        }
        if let Some(version) = &input.function_version {
            let before = std::mem::replace(&mut alias.target, target(changing, &id, version)?);
            if alias.target != before
                && let Some(provisioned) = changing.attached::<Provisioned>(&name)?
            {
                changing.attach(&name, &provisioned.moved(before.number(), alias.target.number()))?;
            }
        }
        if let Some(description) = input.description {
            alias.description = description;
        }
        if let Some(config) = &input.routing_config {
            alias.routing = routing(&id, Some(config))?;
        }
        alias.revision = new_id();
        check(changing, &id, &alias)?;
        changing.put_alias(&alias)?;
        Ok(alias)
    });
    let alias = updated.await.map_err(|error| changed(error, &named.unqualified()))?;
    Ok(show(&named.id, &alias))
}
