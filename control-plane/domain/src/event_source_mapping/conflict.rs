//! Which mappings cannot be beside each other.

use super::{EventSourceMapping, Source};
use crate::Error;

impl EventSourceMapping {
    /// Why this mapping cannot be beside `other`: it would hand the same records to the same function.
    pub fn conflict_with(&self, other: &Self) -> Option<Error> {
        let same = self.uuid == other.uuid || self.target != other.target;
        if same || !self.reads_what(other) {
            return None;
        }
        let remedy =
            format!("already exists. Please update or delete the existing mapping with UUID {}", other.uuid);
        let name = &self.target.function.name;
        let message = match &self.source {
            // The spaces are AWS's.
            Source::Sqs(arn) => {
                format!(
                    r#"An event source mapping with SQS arn (" {arn} ") and function (" {name} ") {remedy}"#
                )
            }
            Source::Kinesis(arn) | Source::DynamoDb(arn) | Source::Mq(arn) | Source::DocumentDb(arn) => {
                format!(
                    r#"The event source arn (" {arn} ") and function (" {name} ") provided mapping {remedy}"#
                )
            }
            Source::ManagedKafka(arn) => self.kafka_conflict(arn, &remedy),
            Source::SelfManagedKafka(servers) => self.kafka_conflict(&servers.join(","), &remedy),
        };
        Some(Error::Conflict(message))
    }

    fn kafka_conflict(&self, source: &str, remedy: &str) -> String {
        let (function, topics) = (self.target.arn(), self.settings.topics.clone().unwrap_or_default());
        format!(
            r#"An event source mapping with event source ("{source}"), function ("{function}"), topics ("{}") {remedy}"#,
            topics.join(",")
        )
    }

    fn reads_what(&self, other: &Self) -> bool {
        let share = |own: &Option<Vec<String>>, others: &Option<Vec<String>>| {
            own.iter().flatten().any(|one| others.iter().flatten().any(|other| other == one))
        };
        let (own, others) = (&self.settings, &other.settings);
        match (&self.source, &other.source) {
            (Source::SelfManagedKafka(servers), Source::SelfManagedKafka(existing)) => {
                servers.iter().any(|server| existing.contains(server)) && share(&own.topics, &others.topics)
            }
            (Source::ManagedKafka(arn), Source::ManagedKafka(existing)) => {
                arn == existing && share(&own.topics, &others.topics)
            }
            (Source::Mq(arn), Source::Mq(existing)) => arn == existing && share(&own.queues, &others.queues),
            (Source::DocumentDb(arn), Source::DocumentDb(existing)) => {
                let collection = |document_db: &Option<super::DocumentDb>| {
                    document_db.as_ref().map(|config| (config.database.clone(), config.collection.clone()))
                };
                arn == existing && collection(&own.document_db) == collection(&others.document_db)
            }
            (source, existing) => source == existing,
        }
    }
}
