//! Aliases: made, looked at, pointed elsewhere and removed.

mod create_alias;
mod delete_alias;
mod get_alias;
mod list_aliases;
mod update_alias;

pub use create_alias::create_alias;
pub use delete_alias::delete_alias;
pub use get_alias::get_alias;
pub use list_aliases::list_aliases;
pub use update_alias::update_alias;

use lambdock_domain::alias::{Routing, Target};
use lambdock_domain::{Alias, Error as DomainError, FunctionId};

use crate::store::{ChangeError, FunctionView};
use crate::wire::shapes;

/// `FunctionVersion` as it was written, if it names a version that exists.
///
/// # Errors
/// It does not; or the store failed.
fn target(view: &FunctionView<'_>, id: &FunctionId, version: &str) -> Result<Target, ChangeError> {
    let missing = || ChangeError::Refused(DomainError::function_not_found(&id.qualified_arn(version)));
    let target = Target::parse(version).ok_or_else(missing)?;
    if view.has(target)? { Ok(target) } else { Err(missing()) }
}

/// `RoutingConfig` without looking at which versions exist.
fn routing(
    id: &FunctionId,
    config: Option<&shapes::AliasRoutingConfiguration>,
) -> Result<Option<Routing>, DomainError> {
    let weights = config.and_then(|config| config.additional_version_weights.as_ref());
    Routing::read(id, weights.into_iter().flatten().map(|(version, weight)| (version.as_str(), *weight)))
}

/// Whether what the alias points to goes together and exists.
///
/// # Errors
/// AWS's for routing; not found; or the store failed.
fn check(view: &FunctionView<'_>, id: &FunctionId, alias: &Alias) -> Result<(), ChangeError> {
    alias.check_routing()?;
    if let Some(Routing { version, .. }) = alias.routing {
        target(view, id, &version.to_string())?;
    }
    Ok(())
}

/// How an alias looks to clients. [AWS: recorded; a description is always there, routing only if there is any]
fn show(id: &FunctionId, alias: &Alias) -> shapes::AliasConfiguration {
    shapes::AliasConfiguration {
        alias_arn: Some(id.qualified_arn(&alias.name)),
        name: Some(alias.name.clone()),
        function_version: Some(alias.target.to_string()),
        description: Some(alias.description.clone()),
        routing_config: alias.routing.map(|Routing { version, weight }| shapes::AliasRoutingConfiguration {
            additional_version_weights: Some([(version.to_string(), weight)].into_iter().collect()),
        }),
        revision_id: Some(alias.revision.clone()),
    }
}
