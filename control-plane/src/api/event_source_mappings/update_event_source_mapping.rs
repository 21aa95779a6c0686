use lambdock_domain::Error as DomainError;
use lambdock_domain::event_source_mapping::Update;

use super::{find, read, show};
use crate::api::{Caller, Context, Error, now, valid};
use crate::event_sources::pattern;
use crate::wire::{Violation, shapes};

/// UpdateEventSourceMapping: changes what is given. The mapping is Updating, Enabling or Disabling until its
/// transition is over.
///
/// # Errors
/// Violations of the model; a mapping that is missing or in transition; what CreateEventSourceMapping would refuse.
pub async fn update_event_source_mapping(
    context: &Context,
    caller: &Caller,
    input: shapes::UpdateEventSourceMappingRequest,
    violations: Vec<Violation>,
) -> Result<shapes::EventSourceMappingConfiguration, Error> {
    valid(violations)?;
    let (scope, uuid) = (caller.scope.clone(), input.uuid.clone().unwrap_or_default());
    let (wanted_scope, wanted) = (scope.clone(), uuid.clone());
    let before =
        context.store.transact(move |resources| find::found(resources, &wanted_scope, &wanted)).await?;
    read::destinations(input.destination_config.as_ref())?;
    let update = match input.function_name.as_deref() {
        Some(name) => {
            let (named, target) = find::target(caller, Some(name), Vec::new())?;
            let timeout_s = find::timeout(context, named).await?;
            context.sources.check(&before.source, timeout_s).await?;
            Update { target: Some(target), enabled: input.enabled, settings: read::settings(given(input)) }
        }
        None => Update { target: None, enabled: input.enabled, settings: read::settings(given(input)) },
    };
    for filter in update.settings.filters.iter().flatten() {
        pattern::check(filter, &before.source)
            .map_err(|invalid| DomainError::InvalidParameter(invalid.to_string()))?;
    }
    let mapping = context
        .store
        .transact(move |resources| {
            let mut mapping = find::found(resources, &scope, &uuid)?;
            mapping.update(update, now())?;
            find::check_alone(resources, &mapping)?;
            resources.put_event_source_mapping(&mapping)?;
            Ok::<_, Error>(mapping)
        })
        .await?;
    context.transitions.mapping(&mapping);
    Ok(show::mapping(mapping))
}

/// The settings of the request, as one that creates a mapping would have them.
fn given(input: shapes::UpdateEventSourceMappingRequest) -> shapes::CreateEventSourceMappingRequest {
    shapes::CreateEventSourceMappingRequest {
        batch_size: input.batch_size,
        filter_criteria: input.filter_criteria,
        maximum_batching_window_in_seconds: input.maximum_batching_window_in_seconds,
        destination_config: input.destination_config,
        maximum_record_age_in_seconds: input.maximum_record_age_in_seconds,
        bisect_batch_on_function_error: input.bisect_batch_on_function_error,
        maximum_retry_attempts: input.maximum_retry_attempts,
        parallelization_factor: input.parallelization_factor,
        source_access_configurations: input.source_access_configurations,
        tumbling_window_in_seconds: input.tumbling_window_in_seconds,
        function_response_types: input.function_response_types,
        scaling_config: input.scaling_config,
        amazon_managed_kafka_event_source_config: input.amazon_managed_kafka_event_source_config,
        self_managed_kafka_event_source_config: input.self_managed_kafka_event_source_config,
        document_db_event_source_config: input.document_db_event_source_config,
        kms_key_arn: input.kms_key_arn,
        metrics_config: input.metrics_config,
        logging_config: input.logging_config,
        provisioned_poller_config: input.provisioned_poller_config,
        ..shapes::CreateEventSourceMappingRequest::default()
    }
}
