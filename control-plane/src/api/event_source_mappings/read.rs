//! Pure: from what a client sends to settings of mappings.

use lambdock_domain::event_source_mapping::{
    Access, DocumentDb, Kafka, Pollers, Scaling, SchemaRegistry, Settings, StartingPosition,
    check_destinations,
};
use lambdock_domain::{Error as DomainError, Timestamp};

use crate::wire::shapes;

/// Settings of a request. What is there but has nothing in it is empty, not absent.
pub(super) fn settings(input: shapes::CreateEventSourceMappingRequest) -> Settings {
    Settings {
        batch_size: input.batch_size.map(unsigned),
        batching_window_s: input.maximum_batching_window_in_seconds.map(unsigned),
        parallelization_factor: input.parallelization_factor.map(unsigned),
        starting_position: input.starting_position.as_deref().and_then(StartingPosition::parse),
        starting_position_timestamp: input.starting_position_timestamp.map(timestamp),
        filters: input.filter_criteria.map(|criteria| {
            let filters = criteria.filters.into_iter().flatten();
            filters.map(|filter| filter.pattern.unwrap_or_default()).collect()
        }),
        on_failure: input.destination_config.map(|config| {
            config.on_failure.and_then(|on_failure| on_failure.destination).unwrap_or_default()
        }),
        maximum_record_age_s: input.maximum_record_age_in_seconds.map(signed),
        bisect_batch_on_function_error: input.bisect_batch_on_function_error,
        maximum_retry_attempts: input.maximum_retry_attempts.map(signed),
        tumbling_window_s: input.tumbling_window_in_seconds.map(unsigned),
        topics: input.topics,
        queues: input.queues,
        access: input
            .source_access_configurations
            .map(|all| all.into_iter().map(|one| Access { kind: one.type_, uri: one.uri }).collect()),
        function_response_types: input.function_response_types,
        managed_kafka: input
            .amazon_managed_kafka_event_source_config
            .map(|config| kafka(config.consumer_group_id, config.schema_registry_config)),
        self_managed_kafka: input
            .self_managed_kafka_event_source_config
            .map(|config| kafka(config.consumer_group_id, config.schema_registry_config)),
        scaling: input
            .scaling_config
            .map(|config| Scaling { maximum_concurrency: config.maximum_concurrency.map(unsigned) }),
        document_db: input.document_db_event_source_config.map(|config| DocumentDb {
            database: config.database_name,
            collection: config.collection_name,
            full_document: config.full_document,
        }),
        kms_key_arn: input.kms_key_arn,
        metrics: input.metrics_config.map(|config| config.metrics.unwrap_or_default()),
        system_log_level: input.logging_config.and_then(|config| config.system_log_level),
        pollers: input.provisioned_poller_config.map(|config| Pollers {
            minimum: config.minimum_pollers.map(unsigned),
            maximum: config.maximum_pollers.map(unsigned),
            group: config.poller_group_name.filter(|name| !name.is_empty()),
        }),
    }
}

/// Checks `DestinationConfig` before anything else is looked at.
///
/// # Errors
/// Successes are told to nobody.
pub(super) fn destinations(config: Option<&shapes::DestinationConfig>) -> Result<(), DomainError> {
    let on_success = config.and_then(|config| config.on_success.as_ref());
    let destination = on_success.and_then(|on_success| on_success.destination.as_deref());
    check_destinations(destination.filter(|destination| !destination.is_empty()))
}

/// `SelfManagedEventSource.Endpoints`, which are all Kafka's.
pub(super) fn bootstrap_servers(source: shapes::SelfManagedEventSource) -> Vec<String> {
    source.endpoints.into_iter().flatten().flat_map(|(_, servers)| servers).collect()
}

fn kafka(group: Option<String>, registry: Option<shapes::KafkaSchemaRegistryConfig>) -> Kafka {
    Kafka { consumer_group_id: group, schema_registry: registry.map(schema_registry) }
}

fn schema_registry(config: shapes::KafkaSchemaRegistryConfig) -> SchemaRegistry {
    SchemaRegistry {
        uri: config.schema_registry_uri,
        event_record_format: config.event_record_format,
        access: config
            .access_configs
            .map(|all| all.into_iter().map(|one| Access { kind: one.type_, uri: one.uri }).collect()),
        validated_attributes: config
            .schema_validation_configs
            .map(|all| all.into_iter().filter_map(|one| one.attribute).collect()),
    }
}

/// Numbers are within their limits: the model's constraints have been checked.
fn unsigned(number: i64) -> u32 {
    u32::try_from(number).unwrap_or_default()
}

fn signed(number: i64) -> i32 {
    i32::try_from(number).unwrap_or_default()
}

/// Seconds since the epoch to milliseconds; what is out of reach is the end of time.
fn timestamp(seconds: f64) -> Timestamp {
    let since = jiff::SignedDuration::try_from_secs_f64(seconds).map(|since| since.as_millis());
    Timestamp(since.ok().and_then(|millis| i64::try_from(millis).ok()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_kept_to_the_millisecond() {
        assert_eq!(timestamp(1.5), Timestamp(1500));
        assert_eq!(timestamp(1_763_900_000.25), Timestamp(1_763_900_000_250));
        assert_eq!(timestamp(f64::MAX), Timestamp(i64::MAX));
    }

    #[test]
    fn what_is_given_empty_is_told_from_what_is_not_given() {
        assert_eq!(settings(shapes::CreateEventSourceMappingRequest::default()), Settings::default());
        let emptied = settings(shapes::CreateEventSourceMappingRequest {
            filter_criteria: Some(shapes::FilterCriteria::default()),
            scaling_config: Some(shapes::ScalingConfig::default()),
            destination_config: Some(shapes::DestinationConfig::default()),
            ..shapes::CreateEventSourceMappingRequest::default()
        });
        let expected = Settings {
            filters: Some(Vec::new()),
            scaling: Some(Scaling::default()),
            on_failure: Some(String::new()),
            ..Settings::default()
        };
        assert_eq!(emptied, expected);
    }
}
