use super::{find, show};
use crate::api::{Caller, Context, Error, valid};
use crate::wire::{Violation, shapes};

/// GetEventSourceMapping.
///
/// # Errors
/// Violations of the model; a mapping that is missing.
pub async fn get_event_source_mapping(
    context: &Context,
    caller: &Caller,
    input: shapes::GetEventSourceMappingRequest,
    violations: Vec<Violation>,
) -> Result<shapes::EventSourceMappingConfiguration, Error> {
    valid(violations)?;
    let (scope, uuid) = (caller.scope.clone(), input.uuid.unwrap_or_default());
    let mapping = context.store.transact(move |resources| find::found(resources, &scope, &uuid)).await?;
    Ok(show::mapping(mapping))
}
