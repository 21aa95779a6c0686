//! Mappings by their UUIDs, and the functions that they are to invoke.

use lambdock_domain::event_source_mapping::Target;
use lambdock_domain::{Error as DomainError, EventSourceMapping, Scope};

use crate::api::functions::named;
use crate::api::qualified::{Lookup, look_up};
use crate::api::resolve::{Named, Reach};
use crate::api::{Caller, Context, Error};
use crate::store::Resources;
use crate::wire::Violation;

/// The mapping with this UUID, in this account and region.
///
/// # Errors
/// It is missing, or the store failed.
pub(super) fn found(
    resources: &Resources<'_>,
    scope: &Scope,
    uuid: &str,
) -> Result<EventSourceMapping, Error> {
    // UUIDs are read as they are written, in upper and in lower case.
    let mapping = resources.event_source_mapping(scope, &uuid.to_ascii_lowercase())?;
    mapping.ok_or_else(|| DomainError::resource_not_found().into())
}

/// A function as `FunctionName` names it, whether or not it exists.
///
/// # Errors
/// Violations of the model; a name of another account or region.
pub(super) fn target(
    caller: &Caller,
    name: Option<&str>,
    violations: Vec<Violation>,
) -> Result<(Named, Target), Error> {
    let named = named(caller, Reach::OwnAccount, name, None, violations)?;
    let target = Target { function: named.id.clone(), qualifier: named.qualifier.clone() };
    Ok((named, target))
}

/// Seconds that the function may take, which has to exist and to do without tenants.
///
/// # Errors
/// There is no such function, version or alias, it wants tenants, or the store failed.
pub(super) async fn timeout(context: &Context, named: Named) -> Result<u32, Error> {
    context
        .store
        .transact(move |resources| {
            let missing = || Error::from(DomainError::InvalidParameter("Function does not exist".to_owned()));
            let Lookup::Found(found) = look_up(resources, &named)? else { return Err(missing()) };
            found.function.latest.configuration.tenancy.check_without("An event source")?;
            match found.runs.published() {
                None => Ok(found.function.latest.configuration.timeout_s),
                Some(name) => {
                    let version = resources.view(&named.id).version(name)?.ok_or_else(missing)?;
                    Ok(version.version.configuration.timeout_s)
                }
            }
        })
        .await
}

/// Makes sure that no other mapping does what this one is to do.
///
/// # Errors
/// One does, or the store failed.
pub(super) fn check_alone(resources: &Resources<'_>, mapping: &EventSourceMapping) -> Result<(), Error> {
    let others = resources.event_source_mappings_to(&mapping.target.arn())?;
    match others.iter().find_map(|other| mapping.conflict_with(other)) {
        Some(conflict) => Err(conflict.into()),
        None => Ok(()),
    }
}
