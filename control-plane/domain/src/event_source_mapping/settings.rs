//! How records are read and handed over: what a request gives, and what holds when it does not.

use serde::{Deserialize, Serialize};

use super::Source;
use crate::{Error, Timestamp};

/// Settings of a mapping. In a request, `None` was not given and what is empty is to be removed; in a mapping,
/// `None` is shown as absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// `BatchSize`: records of a batch, 1 to 10000.
    pub batch_size: Option<u32>,
    /// `MaximumBatchingWindowInSeconds`, 0 to 300.
    pub batching_window_s: Option<u32>,
    /// `ParallelizationFactor`: batches of a shard at the same time, 1 to 10.
    pub parallelization_factor: Option<u32>,
    /// `StartingPosition`.
    pub starting_position: Option<StartingPosition>,
    /// `StartingPositionTimestamp`.
    pub starting_position_timestamp: Option<Timestamp>,
    /// `FilterCriteria`: patterns in JSON, of which one has to match.
    pub filters: Option<Vec<String>>,
    /// `DestinationConfig.OnFailure.Destination`.
    pub on_failure: Option<String>,
    /// `MaximumRecordAgeInSeconds`: 60 to 604800, or -1 for ever.
    pub maximum_record_age_s: Option<i32>,
    /// `BisectBatchOnFunctionError`.
    pub bisect_batch_on_function_error: Option<bool>,
    /// `MaximumRetryAttempts`: 0 to 10000, or -1 for as many as it takes.
    pub maximum_retry_attempts: Option<i32>,
    /// `TumblingWindowInSeconds`, 0 to 900.
    pub tumbling_window_s: Option<u32>,
    /// `Topics` of Kafka.
    pub topics: Option<Vec<String>>,
    /// `Queues` of Amazon MQ.
    pub queues: Option<Vec<String>>,
    /// `SourceAccessConfigurations`.
    pub access: Option<Vec<Access>>,
    /// `FunctionResponseTypes`.
    pub function_response_types: Option<Vec<String>>,
    /// `AmazonManagedKafkaEventSourceConfig`.
    pub managed_kafka: Option<Kafka>,
    /// `SelfManagedKafkaEventSourceConfig`.
    pub self_managed_kafka: Option<Kafka>,
    /// `ScalingConfig`.
    pub scaling: Option<Scaling>,
    /// `DocumentDBEventSourceConfig`.
    pub document_db: Option<DocumentDb>,
    /// `KMSKeyArn`: encrypts the filters.
    pub kms_key_arn: Option<String>,
    /// `MetricsConfig.Metrics`.
    pub metrics: Option<Vec<String>>,
    /// `LoggingConfig.SystemLogLevel`.
    pub system_log_level: Option<String>,
    /// `ProvisionedPollerConfig`.
    pub pollers: Option<Pollers>,
}

/// `StartingPosition`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StartingPosition {
    /// With the oldest record.
    TrimHorizon,
    /// With the next record.
    Latest,
    /// With the first record since a time.
    AtTimestamp,
}

impl StartingPosition {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TrimHorizon => "TRIM_HORIZON",
            Self::Latest => "LATEST",
            Self::AtTimestamp => "AT_TIMESTAMP",
        }
    }

    /// Reads AWS's word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::TrimHorizon, Self::Latest, Self::AtTimestamp].into_iter().find(|word| word.as_str() == text)
    }
}

/// One of `SourceAccessConfigurations`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// `Type`, such as `BASIC_AUTH`.
    pub kind: Option<String>,
    /// `URI`: a secret's ARN, a subnet, a host.
    pub uri: Option<String>,
}

/// What a Kafka source has of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kafka {
    /// `ConsumerGroupId`. Never changes.
    pub consumer_group_id: Option<String>,
    /// `SchemaRegistryConfig`.
    pub schema_registry: Option<SchemaRegistry>,
}

/// `SchemaRegistryConfig`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SchemaRegistry {
    /// `SchemaRegistryURI`.
    pub uri: Option<String>,
    /// `EventRecordFormat`: JSON or SOURCE.
    pub event_record_format: Option<String>,
    /// `AccessConfigs`.
    pub access: Option<Vec<Access>>,
    /// `SchemaValidationConfigs`: KEY, VALUE.
    pub validated_attributes: Option<Vec<String>>,
}

/// `ScalingConfig`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scaling {
    /// `MaximumConcurrency`, 2 to 1000.
    pub maximum_concurrency: Option<u32>,
}

/// `DocumentDBEventSourceConfig`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DocumentDb {
    /// `DatabaseName`.
    pub database: Option<String>,
    /// `CollectionName`; `None`: all of them.
    pub collection: Option<String>,
    /// `FullDocument`: UpdateLookup or Default.
    pub full_document: Option<String>,
}

/// `ProvisionedPollerConfig`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pollers {
    /// `MinimumPollers`.
    pub minimum: Option<u32>,
    /// `MaximumPollers`.
    pub maximum: Option<u32>,
    /// `PollerGroupName`.
    pub group: Option<String>,
}

impl Settings {
    /// These settings with `given` in place of their own. A consumer group stays what it is.
    ///
    /// # Errors
    /// `given` has another consumer group.
    pub fn updated(self, given: Self) -> Result<Self, Error> {
        Ok(Self {
            batch_size: given.batch_size.or(self.batch_size),
            batching_window_s: given.batching_window_s.or(self.batching_window_s),
            parallelization_factor: given.parallelization_factor.or(self.parallelization_factor),
            starting_position: given.starting_position.or(self.starting_position),
            starting_position_timestamp: given
                .starting_position_timestamp
                .or(self.starting_position_timestamp),
            filters: given.filters.or(self.filters),
            on_failure: given.on_failure.or(self.on_failure),
            maximum_record_age_s: given.maximum_record_age_s.or(self.maximum_record_age_s),
            bisect_batch_on_function_error: given
                .bisect_batch_on_function_error
                .or(self.bisect_batch_on_function_error),
            maximum_retry_attempts: given.maximum_retry_attempts.or(self.maximum_retry_attempts),
            tumbling_window_s: given.tumbling_window_s.or(self.tumbling_window_s),
            topics: given.topics.or(self.topics),
            queues: given.queues.or(self.queues),
            access: given.access.or(self.access),
            function_response_types: given.function_response_types.or(self.function_response_types),
            managed_kafka: updated_kafka(self.managed_kafka, given.managed_kafka)?,
            self_managed_kafka: updated_kafka(self.self_managed_kafka, given.self_managed_kafka)?,
            scaling: given.scaling.or(self.scaling),
            document_db: match (self.document_db, given.document_db) {
                (Some(own), Some(given)) => Some(DocumentDb {
                    database: given.database.or(own.database),
                    collection: given.collection.or(own.collection),
                    full_document: given.full_document.or(own.full_document),
                }),
                (own, given) => given.or(own),
            },
            kms_key_arn: given.kms_key_arn.or(self.kms_key_arn),
            metrics: given.metrics.or(self.metrics),
            system_log_level: given.system_log_level.or(self.system_log_level),
            pollers: given.pollers.or(self.pollers),
        })
    }

    /// The same without what is empty, which is how settings are removed.
    #[must_use]
    pub fn without_empty(self) -> Self {
        Self {
            filters: self.filters.filter(|filters| !filters.is_empty()),
            on_failure: self.on_failure.filter(|destination| !destination.is_empty()),
            access: self.access.filter(|access| !access.is_empty()),
            topics: self.topics.filter(|topics| !topics.is_empty()),
            queues: self.queues.filter(|queues| !queues.is_empty()),
            function_response_types: self.function_response_types.filter(|types| !types.is_empty()),
            managed_kafka: self.managed_kafka.filter(|kafka| *kafka != Kafka::default()),
            self_managed_kafka: self.self_managed_kafka.filter(|kafka| *kafka != Kafka::default()),
            scaling: self.scaling.filter(|scaling| *scaling != Scaling::default()),
            document_db: self.document_db.filter(|document_db| *document_db != DocumentDb::default()),
            kms_key_arn: self.kms_key_arn.filter(|key| !key.is_empty()),
            metrics: self.metrics.filter(|metrics| !metrics.is_empty()),
            pollers: self.pollers.filter(|pollers| *pollers != Pollers::default()),
            ..self
        }
    }

    /// The same with the defaults of its source. `uuid`: the mapping's. [AWS: recorded, for pollers and DocumentDB
    /// CreateEventSourceMapping]
    #[must_use]
    pub fn complete(mut self, source: &Source, uuid: &str) -> Self {
        let batch_size = if matches!(source, Source::Sqs(_)) { 10 } else { 100 };
        self.batch_size.get_or_insert(batch_size);
        match source {
            Source::Sqs(_) | Source::DocumentDb(_) => {
                self.batching_window_s.get_or_insert(0);
            }
            Source::Kinesis(_) | Source::DynamoDb(_) => {
                self.batching_window_s.get_or_insert(0);
                self.parallelization_factor.get_or_insert(1);
                self.maximum_record_age_s.get_or_insert(-1);
                self.bisect_batch_on_function_error.get_or_insert(false);
                self.maximum_retry_attempts.get_or_insert(-1);
                self.tumbling_window_s.get_or_insert(0);
            }
            // Half a second, which the API cannot say.
            Source::ManagedKafka(_) | Source::SelfManagedKafka(_) => {
                self.starting_position.get_or_insert(StartingPosition::TrimHorizon);
            }
            Source::Mq(_) => {}
        }
        let kafka = match source {
            Source::ManagedKafka(_) => Some(self.managed_kafka.get_or_insert_default()),
            Source::SelfManagedKafka(_) => Some(self.self_managed_kafka.get_or_insert_default()),
            _ => None,
        };
        if let Some(kafka) = kafka {
            kafka.consumer_group_id.get_or_insert_with(|| uuid.to_owned());
        }
        if let Some(document_db) = &mut self.document_db {
            document_db.full_document.get_or_insert_with(|| "Default".to_owned());
        }
        if let Some(pollers) = &mut self.pollers {
            pollers.minimum.get_or_insert(if source.is_kafka() { 1 } else { 2 });
            pollers.maximum.get_or_insert(200);
        }
        self
    }
}

fn updated_kafka(own: Option<Kafka>, given: Option<Kafka>) -> Result<Option<Kafka>, Error> {
    let (Some(own), Some(given)) = (&own, &given) else { return Ok(given.or(own)) };
    if given.consumer_group_id.is_some() && given.consumer_group_id != own.consumer_group_id {
        return Err(Error::InvalidParameter(
            "The ConsumerGroupId of an event source mapping cannot be changed.".to_owned(),
        ));
    }
    Ok(Some(Kafka {
        consumer_group_id: own.consumer_group_id.clone(),
        schema_registry: given.schema_registry.clone().or_else(|| own.schema_registry.clone()),
    }))
}
