//! Which settings a source can have.

use super::{Settings, Source, StartingPosition};
use crate::{Error, Timestamp};

/// Filters that a mapping can have: twice AWS's default, which it grants on request. [AWS: Lambda event filtering]
pub const FILTERS: usize = 10;

/// Records of a batch for which no batching window is needed, and the most of a FIFO queue's.
const SMALL_BATCH: u32 = 10;

/// Least seconds of `MaximumRecordAgeInSeconds`. [AWS: CreateEventSourceMapping]
const YOUNGEST: i32 = 60;

/// Checks `DestinationConfig` before anything else is looked at. `on_success`: whether `OnSuccess` was given.
///
/// # Errors
/// Successes are told to nobody.
pub fn check_destinations(on_success: Option<&str>) -> Result<(), Error> {
    if on_success.is_some() { Err(unsupported("DestinationConfig")) } else { Ok(()) }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::InvalidParameter(message.into())
}

/// [AWS: recorded for DestinationConfig]
fn unsupported(name: &str) -> Error {
    invalid(format!("Unsupported {name} parameter for given event source mapping type."))
}

/// [AWS: recorded for sourceAccessConfigurations of self-managed Kafka]
fn required(name: &str) -> Error {
    invalid(format!("Required '{name}' parameter is missing."))
}

/// [AWS: recorded for startingPosition of streams]
fn null(name: &str) -> Error {
    invalid(format!(
        "1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null."
    ))
}

impl Settings {
    /// Whether a mapping of `source` can have these settings, of which none is empty.
    ///
    /// # Errors
    /// AWS's for the first that it cannot have.
    pub(super) fn check(&self, source: &Source, now: Timestamp) -> Result<(), Error> {
        self.check_position(source, now)?;
        self.check_supported(source)?;
        self.check_required(source)?;
        self.check_queue(source)?;
        self.check_values(source)?;
        self.check_pollers(source)
    }

    fn check_position(&self, source: &Source, now: Timestamp) -> Result<(), Error> {
        if source.is_stream() && self.starting_position.is_none() {
            return Err(null("startingPosition"));
        }
        if self.starting_position == Some(StartingPosition::AtTimestamp) {
            if let Source::DynamoDb(arn) = source {
                return Err(invalid(format!("Unsupported starting position for arn type: {arn}")));
            }
            let Some(time) = self.starting_position_timestamp else {
                return Err(null("startingPositionTimestamp"));
            };
            if time > now {
                return Err(invalid("The StartingPositionTimestamp must not be in the future."));
            }
        }
        Ok(())
    }

    /// [AWS: CreateEventSourceMapping and the pages of the sources, which say what is for whom]
    fn check_supported(&self, source: &Source) -> Result<(), Error> {
        let (stream, kafka) = (source.is_stream(), source.is_kafka());
        let (sqs, mq) = (matches!(source, Source::Sqs(_)), matches!(source, Source::Mq(_)));
        let document_db = matches!(source, Source::DocumentDb(_));
        // Kafka has what streams have where its pollers are provisioned.
        let provisioned_kafka = kafka && self.pollers.is_some();
        let schema_registry = [&self.managed_kafka, &self.self_managed_kafka]
            .into_iter()
            .flatten()
            .any(|kafka| kafka.schema_registry.is_some());
        let given = [
            ("ParallelizationFactor", self.parallelization_factor.is_some(), stream),
            ("StartingPosition", self.starting_position.is_some(), stream || kafka || document_db),
            (
                "StartingPositionTimestamp",
                self.starting_position_timestamp.is_some(),
                stream || kafka || document_db,
            ),
            ("FilterCriteria", self.filters.is_some(), !document_db),
            ("DestinationConfig", self.on_failure.is_some(), stream || kafka),
            ("MaximumRecordAgeInSeconds", self.maximum_record_age_s.is_some(), stream || provisioned_kafka),
            (
                "BisectBatchOnFunctionError",
                self.bisect_batch_on_function_error.is_some(),
                stream || provisioned_kafka,
            ),
            ("MaximumRetryAttempts", self.maximum_retry_attempts.is_some(), stream || provisioned_kafka),
            ("TumblingWindowInSeconds", self.tumbling_window_s.is_some(), stream),
            ("Topics", self.topics.is_some(), kafka),
            ("Queues", self.queues.is_some(), mq),
            ("SourceAccessConfigurations", self.access.is_some(), kafka || mq || document_db),
            (
                "FunctionResponseTypes",
                self.function_response_types.is_some(),
                sqs || stream || provisioned_kafka,
            ),
            (
                "AmazonManagedKafkaEventSourceConfig",
                self.managed_kafka.is_some(),
                matches!(source, Source::ManagedKafka(_)),
            ),
            (
                "SelfManagedKafkaEventSourceConfig",
                self.self_managed_kafka.is_some(),
                matches!(source, Source::SelfManagedKafka(_)),
            ),
            ("SchemaRegistryConfig", schema_registry, provisioned_kafka),
            ("ScalingConfig", self.scaling.is_some(), sqs),
            ("DocumentDBEventSourceConfig", self.document_db.is_some(), document_db),
            ("MetricsConfig", self.metrics.is_some(), sqs || stream || kafka),
            ("LoggingConfig", self.system_log_level.is_some(), provisioned_kafka),
            ("ProvisionedPollerConfig", self.pollers.is_some(), sqs || kafka),
        ];
        match given.iter().find(|(_, given, supported)| *given && !*supported) {
            Some((name, ..)) => Err(unsupported(name)),
            None => Ok(()),
        }
    }

    fn check_required(&self, source: &Source) -> Result<(), Error> {
        let (topics, queues, access) = (self.topics.is_some(), self.queues.is_some(), self.access.is_some());
        let database = self.document_db.as_ref().is_some_and(|config| config.database.is_some());
        let position = self.starting_position.is_some();
        let wanted: &[(&str, bool)] = match source {
            Source::Sqs(_) | Source::Kinesis(_) | Source::DynamoDb(_) => &[],
            Source::ManagedKafka(_) => &[("topics", topics)],
            Source::SelfManagedKafka(_) => &[("sourceAccessConfigurations", access), ("topics", topics)],
            Source::Mq(_) => &[("sourceAccessConfigurations", access), ("queues", queues)],
            Source::DocumentDb(_) => &[
                ("sourceAccessConfigurations", access),
                ("documentDBEventSourceConfig", database),
                ("startingPosition", position),
            ],
        };
        match wanted.iter().find(|(_, given)| !given) {
            Some((name, _)) => Err(required(name)),
            None => Ok(()),
        }
    }

    fn check_queue(&self, source: &Source) -> Result<(), Error> {
        if !matches!(source, Source::Sqs(_)) {
            return Ok(());
        }
        let (batch, window) =
            (self.batch_size.unwrap_or_default(), self.batching_window_s.unwrap_or_default());
        if source.is_fifo() {
            if window > 0 {
                return Err(invalid("Batching window is not supported for FIFO queues"));
            }
            if batch > SMALL_BATCH {
                return Err(invalid(format!("Batch size must not exceed {SMALL_BATCH} for FIFO queues")));
            }
        }
        if batch > SMALL_BATCH && window == 0 {
            return Err(invalid(format!(
                "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than \
                 {SMALL_BATCH}"
            )));
        }
        Ok(())
    }

    fn check_values(&self, source: &Source) -> Result<(), Error> {
        if let Some(age) = self.maximum_record_age_s.filter(|age| (0..YOUNGEST).contains(age)) {
            return Err(invalid(format!(
                "MaximumRecordAgeInSeconds must be -1 or at least {YOUNGEST}; it is {age}."
            )));
        }
        if let Some(filters) = self.filters.as_ref().filter(|filters| filters.len() > FILTERS) {
            return Err(invalid(format!(
                "An event source mapping has at most {FILTERS} filters; these are {}.",
                filters.len()
            )));
        }
        let more_than_events = |metrics: &Vec<String>| metrics.iter().any(|metric| metric != "EventCount");
        if !source.is_kafka() && self.metrics.as_ref().is_some_and(more_than_events) {
            return Err(unsupported("MetricsConfig"));
        }
        match &self.on_failure {
            Some(destination) if !self.takes_failures(source, destination) => Err(invalid(format!(
                "The provided destination config DestinationConfig(onSuccess=null, \
                 onFailure=OnFailure(destination={destination})) is invalid."
            ))),
            _ => Ok(()),
        }
    }

    /// Standard queues, standard topics and buckets; topics of the same cluster where pollers are provisioned.
    /// [AWS: pages of the sources, on-failure destinations]
    fn takes_failures(&self, source: &Source, destination: &str) -> bool {
        if let Some(topic) = destination.strip_prefix("kafka://") {
            let reads = self.topics.iter().flatten().any(|read| read == topic);
            return source.is_kafka() && self.pollers.is_some() && !reads;
        }
        match destination.split(':').nth(2) {
            Some("sqs" | "sns") => !destination.ends_with(".fifo"),
            Some("s3") => true,
            _ => false,
        }
    }

    /// [AWS: reported by users for queues; numbers: ProvisionedPollerConfig]
    fn check_pollers(&self, source: &Source) -> Result<(), Error> {
        let Some(pollers) = &self.pollers else { return Ok(()) };
        if self.scaling.is_some() {
            return Err(invalid(
                "Provisioned mode for SQS ESM does not support maximum concurrency feature. Use MaximumPollers as the \
                 control mechanism and remove maximum concurrency.",
            ));
        }
        let (least, most, highest) = if source.is_kafka() { (1, 200, 2000) } else { (2, 200, 10_000) };
        let minimum = pollers.minimum.unwrap_or(least);
        let maximum = pollers.maximum.unwrap_or(200);
        if (least..=most).contains(&minimum) && (minimum..=highest).contains(&maximum) {
            return Ok(());
        }
        Err(invalid(format!(
            "MinimumPollers should be between [{least}, {most}] and MaximumPollers should be between \
             [MinimumPollers, {highest}]"
        )))
    }
}
