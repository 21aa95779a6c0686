use super::{find, show};
use crate::api::{Caller, Context, Error, now, valid};
use crate::wire::{Violation, shapes};

/// DeleteEventSourceMapping. The mapping is Deleting until its transition is over, then it is gone.
///
/// # Errors
/// Violations of the model; a mapping that is missing or in transition.
pub async fn delete_event_source_mapping(
    context: &Context,
    caller: &Caller,
    input: shapes::DeleteEventSourceMappingRequest,
    violations: Vec<Violation>,
) -> Result<shapes::EventSourceMappingConfiguration, Error> {
    valid(violations)?;
    let (scope, uuid) = (caller.scope.clone(), input.uuid.unwrap_or_default());
    let mapping = context
        .store
        .transact(move |resources| {
            let mut mapping = find::found(resources, &scope, &uuid)?;
            mapping.delete(now())?;
            resources.put_event_source_mapping(&mapping)?;
            Ok::<_, Error>(mapping)
        })
        .await?;
    context.transitions.mapping(&mapping);
    Ok(show::mapping(mapping))
}
