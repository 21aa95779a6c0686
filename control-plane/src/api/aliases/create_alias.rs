use lambdock_domain::{Alias, Error as DomainError};

use super::{check, routing, show, target};
use crate::api::functions::{changed, named};
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error, new_id};
use crate::wire::{Violation, shapes};

/// CreateAlias.
///
/// # Errors
/// AWS's for names and routing; versions that do not exist; a conflict if the name is taken.
pub async fn create_alias(
    context: &Context,
    caller: &Caller,
    input: shapes::CreateAliasRequest,
    violations: Vec<Violation>,
) -> Result<shapes::AliasConfiguration, Error> {
    let mut named = named(caller, Reach::AnyAccount, input.function_name.as_deref(), None, violations)?;
    let version = input.function_version.unwrap_or_default();
    let (id, name) = (named.id.clone(), input.name.unwrap_or_default());
    // [AWS: recorded] Where the function is missing, it is the version that is not found.
    named.qualifier = Some(version.clone());
    let created = context.store.change(&named.id, move |changing| {
        let target = target(changing, &id, &version)?;
        if changing.alias(&name)?.is_some() {
            let taken = format!("Alias already exists: {}", id.qualified_arn(&name));
            return Err(DomainError::Conflict(taken).into());
        }
        let alias = Alias {
            name,
            description: input.description.unwrap_or_default(),
            target,
            routing: routing(&id, input.routing_config.as_ref())?,
            revision: new_id(),
        };
        check(changing, &id, &alias)?;
        changing.put_alias(&alias)?;
        Ok(alias)
    });
    let alias = created.await.map_err(|error| changed(error, &named))?;
    Ok(show(&named.id, &alias))
}
