//! Whether the sources of mappings are there, as the services say that have them.

use std::sync::Arc;

use lambdock_domain::event_source_mapping::{Source, SqsQueue};
use lambdock_domain::{Error as DomainError, Scope};
use serde_json::{Value, json};
use tracing::warn;

use crate::services::{Call, Error, Protocol, Services};

/// Looks for queues and streams at their services. Without an upstream everything is taken to be there.
pub struct SourceLookup {
    services: Arc<Services>,
}

impl SourceLookup {
    /// Looks at `services`.
    pub fn new(services: Arc<Services>) -> Self {
        Self { services }
    }

    /// Whether a function can read from `source`. `timeout_s`: how long it may take for a batch.
    ///
    /// # Errors
    /// The service says that the source does not exist, or a queue would hand messages out again before the function
    /// is done with them.
    pub async fn check(&self, source: &Source, timeout_s: u32) -> Result<(), DomainError> {
        match source {
            Source::Sqs(_) => match source.queue() {
                Some(queue) => self.check_queue(&queue, timeout_s).await,
                None => Ok(()),
            },
            Source::Kinesis(arn) => {
                let stream = arn.split("/consumer/").next().unwrap_or(arn);
                let name = stream.rsplit('/').next().unwrap_or_default();
                self.check_stream(arn, KINESIS, json!({ "StreamName": name })).await
            }
            Source::DynamoDb(arn) => self.check_stream(arn, STREAMS, json!({ "StreamArn": arn })).await,
            // Clusters and brokers are looked for when they are connected to.
            Source::ManagedKafka(_) | Source::SelfManagedKafka(_) | Source::Mq(_) | Source::DocumentDb(_) => {
                Ok(())
            }
        }
    }

    /// [AWS: recorded for missing queues; reported by users for their timeouts]
    async fn check_queue(&self, queue: &SqsQueue<'_>, timeout_s: u32) -> Result<(), DomainError> {
        let scope = Scope { account: queue.account.to_owned(), region: queue.region.to_owned() };
        let url = json!({ "QueueName": queue.name, "QueueOwnerAWSAccountId": queue.account });
        let answer = match self.ask(QUEUE_URL, &scope, url).await {
            Answer::Output(output) => {
                let attributes =
                    json!({ "QueueUrl": output["QueueUrl"], "AttributeNames": ["VisibilityTimeout"] });
                self.ask(QUEUE_ATTRIBUTES, &scope, attributes).await
            }
            other => other,
        };
        let attributes = match answer {
            Answer::Output(output) => output,
            Answer::Missing => {
                return Err(DomainError::InvalidParameter(
                    "Error occurred while ReceiveMessage. SQS Error Code: \
                     AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does not exist."
                        .to_owned(),
                ));
            }
            Answer::Nothing => return Ok(()),
        };
        let visibility =
            attributes["Attributes"]["VisibilityTimeout"].as_str().and_then(|text| text.parse().ok());
        match visibility {
            Some(visibility) if timeout_s > visibility => Err(DomainError::InvalidParameter(format!(
                "Queue visibility timeout: {visibility} seconds is less than Function timeout: {timeout_s} seconds"
            ))),
            _ => Ok(()),
        }
    }

    /// [AWS: recorded]
    async fn check_stream(&self, arn: &str, operation: Operation, input: Value) -> Result<(), DomainError> {
        let mut parts = arn.split(':').skip(3);
        let region = parts.next().unwrap_or_default().to_owned();
        let scope = Scope { region, account: parts.next().unwrap_or_default().to_owned() };
        match self.ask(operation, &scope, input).await {
            Answer::Missing => Err(DomainError::InvalidParameter(format!("Stream not found: {arn}"))),
            Answer::Output(_) | Answer::Nothing => Ok(()),
        }
    }

    async fn ask(&self, operation: Operation, scope: &Scope, input: Value) -> Answer {
        let Operation { service, protocol, target } = operation;
        match self.services.call(Call { service, protocol, target, scope, input }).await {
            Ok(output) => Answer::Output(output),
            Err(Error::Refused { code, .. }) if MISSING.contains(&&*code) => Answer::Missing,
            Err(Error::NotNamed) => Answer::Nothing,
            Err(error) => {
                warn!(operation = target, %error, "cannot tell whether an event source is there; it is taken to be");
                Answer::Nothing
            }
        }
    }
}

/// An operation of another service.
#[derive(Clone, Copy)]
struct Operation {
    service: &'static str,
    protocol: Protocol,
    target: &'static str,
}

const QUEUE_URL: Operation =
    Operation { service: "sqs", protocol: Protocol::Json1_0, target: "AmazonSQS.GetQueueUrl" };
const QUEUE_ATTRIBUTES: Operation =
    Operation { service: "sqs", protocol: Protocol::Json1_0, target: "AmazonSQS.GetQueueAttributes" };
const KINESIS: Operation = Operation {
    service: "kinesis",
    protocol: Protocol::Json1_1,
    target: "Kinesis_20131202.DescribeStreamSummary",
};
const STREAMS: Operation = Operation {
    service: "dynamodb",
    protocol: Protocol::Json1_0,
    target: "DynamoDBStreams_20120810.DescribeStream",
};

enum Answer {
    Output(Value),
    Missing,
    /// Nobody can say.
    Nothing,
}

/// How the services say that there is no such thing.
const MISSING: [&str; 4] = [
    "ResourceNotFoundException",
    "QueueDoesNotExist",
    "NonExistentQueue",
    "AWS.SimpleQueueService.NonExistentQueue",
];
