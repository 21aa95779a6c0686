//! Pure: how event source mappings look to clients.

use indexmap::IndexMap;
use lambdock_domain::event_source_mapping::{Access, Kafka, SchemaRegistry, Settings, Source};
use lambdock_domain::{EventSourceMapping, Timestamp};

use crate::wire::shapes;

/// The configuration of a mapping. [AWS: recorded for what each kind of source shows]
pub(super) fn mapping(mapping: EventSourceMapping) -> shapes::EventSourceMappingConfiguration {
    let EventSourceMapping { source, settings, .. } = &mapping;
    let stream = source.is_stream();
    shapes::EventSourceMappingConfiguration {
        uuid: Some(mapping.uuid.clone()),
        starting_position: settings.starting_position.map(|position| position.as_str().to_owned()),
        starting_position_timestamp: settings.starting_position_timestamp.map(seconds),
        batch_size: settings.batch_size.map(i64::from),
        maximum_batching_window_in_seconds: settings.batching_window_s.map(i64::from),
        parallelization_factor: settings.parallelization_factor.map(i64::from),
        event_source_arn: source.arn().map(str::to_owned),
        filter_criteria: filter_criteria(settings),
        function_arn: Some(mapping.target.arn()),
        last_modified: Some(seconds(mapping.last_modified)),
        last_processing_result: mapping.shown_processing_result().map(str::to_owned),
        state: Some(mapping.state.as_str().to_owned()),
        state_transition_reason: Some(mapping.state_transition_reason().to_owned()),
        destination_config: (stream || settings.on_failure.is_some()).then(|| shapes::DestinationConfig {
            on_success: None,
            on_failure: Some(shapes::OnFailure { destination: settings.on_failure.clone() }),
        }),
        topics: settings.topics.clone(),
        queues: settings.queues.clone(),
        source_access_configurations: settings.access.as_deref().map(|all| {
            let shown = |one: &Access| shapes::SourceAccessConfiguration {
                type_: one.kind.clone(),
                uri: one.uri.clone(),
            };
            all.iter().map(shown).collect()
        }),
        self_managed_event_source: match source {
            Source::SelfManagedKafka(servers) => Some(shapes::SelfManagedEventSource {
                endpoints: Some(IndexMap::from([("KAFKA_BOOTSTRAP_SERVERS".to_owned(), servers.clone())])),
            }),
            _ => None,
        },
        maximum_record_age_in_seconds: settings.maximum_record_age_s.map(i64::from),
        bisect_batch_on_function_error: settings.bisect_batch_on_function_error,
        maximum_retry_attempts: settings.maximum_retry_attempts.map(i64::from),
        tumbling_window_in_seconds: settings.tumbling_window_s.map(i64::from),
        function_response_types: match (source, &settings.function_response_types) {
            (Source::Sqs(_) | Source::Kinesis(_) | Source::DynamoDb(_), types) => {
                Some(types.clone().unwrap_or_default())
            }
            (_, types) => types.clone(),
        },
        amazon_managed_kafka_event_source_config: settings.managed_kafka.as_ref().map(|kafka| {
            shapes::AmazonManagedKafkaEventSourceConfig {
                consumer_group_id: kafka.consumer_group_id.clone(),
                schema_registry_config: schema_registry_config(kafka),
            }
        }),
        self_managed_kafka_event_source_config: settings.self_managed_kafka.as_ref().map(|kafka| {
            shapes::SelfManagedKafkaEventSourceConfig {
                consumer_group_id: kafka.consumer_group_id.clone(),
                schema_registry_config: schema_registry_config(kafka),
            }
        }),
        scaling_config: settings.scaling.map(|scaling| shapes::ScalingConfig {
            maximum_concurrency: scaling.maximum_concurrency.map(i64::from),
        }),
        document_db_event_source_config: settings.document_db.clone().map(|document_db| {
            shapes::DocumentDBEventSourceConfig {
                database_name: document_db.database,
                collection_name: document_db.collection,
                full_document: document_db.full_document,
            }
        }),
        kms_key_arn: settings.kms_key_arn.clone(),
        filter_criteria_error: None,
        event_source_mapping_arn: Some(mapping.arn()),
        metrics_config: settings
            .metrics
            .clone()
            .map(|metrics| shapes::EventSourceMappingMetricsConfig { metrics: Some(metrics) }),
        logging_config: settings
            .system_log_level
            .clone()
            .map(|level| shapes::EventSourceMappingLoggingConfig { system_log_level: Some(level) }),
        provisioned_poller_config: settings.pollers.clone().map(|pollers| shapes::ProvisionedPollerConfig {
            minimum_pollers: pollers.minimum.map(i64::from),
            maximum_pollers: pollers.maximum.map(i64::from),
            poller_group_name: pollers.group,
        }),
    }
}

/// The same in a list, which does not tell filters that are encrypted with a key of the user's.
/// [AWS: ListEventSourceMappings]
pub(super) fn listed(listed: EventSourceMapping) -> shapes::EventSourceMappingConfiguration {
    let encrypted = listed.settings.kms_key_arn.is_some();
    let shown = mapping(listed);
    if encrypted { shapes::EventSourceMappingConfiguration { filter_criteria: None, ..shown } } else { shown }
}

fn filter_criteria(settings: &Settings) -> Option<shapes::FilterCriteria> {
    let filter = |pattern: &String| shapes::Filter { pattern: Some(pattern.clone()) };
    let filters = settings.filters.as_ref()?.iter().map(filter).collect();
    Some(shapes::FilterCriteria { filters: Some(filters) })
}

fn schema_registry_config(kafka: &Kafka) -> Option<shapes::KafkaSchemaRegistryConfig> {
    let SchemaRegistry { uri, event_record_format, access, validated_attributes } =
        kafka.schema_registry.clone()?;
    let shown = |one: Access| shapes::KafkaSchemaRegistryAccessConfig { type_: one.kind, uri: one.uri };
    let validated = |attribute| shapes::KafkaSchemaValidationConfig { attribute: Some(attribute) };
    Some(shapes::KafkaSchemaRegistryConfig {
        schema_registry_uri: uri,
        event_record_format,
        access_configs: access.map(|all| all.into_iter().map(shown).collect()),
        schema_validation_configs: validated_attributes.map(|all| all.into_iter().map(validated).collect()),
    })
}

/// Seconds since the epoch, with fraction.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of this age fit")]
fn seconds(time: Timestamp) -> f64 {
    time.0 as f64 / 1000.0
}
