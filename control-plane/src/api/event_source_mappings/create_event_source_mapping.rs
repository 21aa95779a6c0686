use std::collections::BTreeMap;

use lambdock_domain::event_source_mapping::Source;
use lambdock_domain::{Error as DomainError, EventSourceMapping, tags};

use super::{find, read, show};
use crate::api::{Caller, Context, Error, new_id, now};
use crate::event_sources::pattern;
use crate::wire::{Violation, shapes};

/// CreateEventSourceMapping. The mapping is Creating until its transition is over, or Disabled from the start.
///
/// # Errors
/// Violations of the model; in this order: a destination, a source or settings that cannot be, a function or a source
/// that is missing, a mapping that does the same. [AWS: recorded]
pub async fn create_event_source_mapping(
    context: &Context,
    caller: &Caller,
    mut input: shapes::CreateEventSourceMappingRequest,
    violations: Vec<Violation>,
) -> Result<shapes::EventSourceMappingConfiguration, Error> {
    let (named, target) = find::target(caller, input.function_name.as_deref(), violations)?;
    read::destinations(input.destination_config.as_ref())?;
    let servers = input.self_managed_event_source.take().map(read::bootstrap_servers);
    let source = Source::read(input.event_source_arn.take(), servers)?;
    let enabled = input.enabled.unwrap_or(true);
    let tags: BTreeMap<String, String> = input.tags.take().into_iter().flatten().collect();
    tags::check(&tags, context.rules.get().limits.tags)?;
    let settings = read::settings(input);
    let mapping = EventSourceMapping::create(new_id(), target, source, settings, enabled, tags, now())?;
    for filter in mapping.settings.filters.iter().flatten() {
        pattern::check(filter, &mapping.source)
            .map_err(|invalid| DomainError::InvalidParameter(invalid.to_string()))?;
    }
    let timeout_s = find::timeout(context, named).await?;
    context.sources.check(&mapping.source, timeout_s).await?;
    let mapping = context
        .store
        .transact(move |resources| {
            find::check_alone(resources, &mapping)?;
            resources.put_event_source_mapping(&mapping)?;
            Ok::<_, Error>(mapping)
        })
        .await?;
    context.transitions.mapping(&mapping);
    Ok(show::mapping(mapping))
}
