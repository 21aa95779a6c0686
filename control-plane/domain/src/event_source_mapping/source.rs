//! Where records come from.

use serde::{Deserialize, Serialize};

use crate::Error;

/// An event source, by its ARN where it has one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// A queue.
    Sqs(String),
    /// A stream, or one of its consumers.
    Kinesis(String),
    /// The stream of a table.
    DynamoDb(String),
    /// A cluster of Amazon MSK, or a VPC connection to one.
    ManagedKafka(String),
    /// Bootstrap servers, `host:port`.
    SelfManagedKafka(Vec<String>),
    /// A broker of Amazon MQ: ActiveMQ or RabbitMQ.
    Mq(String),
    /// A cluster of DocumentDB.
    DocumentDb(String),
}

/// A queue, as its ARN names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqsQueue<'a> {
    /// Its region.
    pub region: &'a str,
    /// Whose it is.
    pub account: &'a str,
    /// Its name; that of a FIFO queue ends in `.fifo`.
    pub name: &'a str,
}

impl Source {
    /// The source that a request names, by `EventSourceArn` or by `SelfManagedEventSource`.
    ///
    /// # Errors
    /// It names none, or one that Lambda does not read from.
    pub fn read(arn: Option<String>, bootstrap_servers: Option<Vec<String>>) -> Result<Self, Error> {
        let unrecognized = || Error::InvalidParameter("Unrecognized event source.".to_owned());
        match (arn, bootstrap_servers) {
            (None, Some(servers)) if !servers.is_empty() => Ok(Self::SelfManagedKafka(servers)),
            (Some(arn), None) => Self::of_arn(arn).ok_or_else(unrecognized),
            (None | Some(_), _) => Err(unrecognized()),
        }
    }

    fn of_arn(arn: String) -> Option<Self> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", _, service, _, _, resource] = parts.as_slice() else { return None };
        let resource: Vec<&str> = resource.split(['/', ':']).collect();
        let make = match (*service, resource.as_slice()) {
            ("sqs", [name]) if !name.is_empty() => Self::Sqs,
            ("kinesis", ["stream", _]) | ("kinesis", ["stream", _, "consumer", ..]) => Self::Kinesis,
            // Labels are times, which have colons.
            ("dynamodb", ["table", _, "stream", _, ..]) => Self::DynamoDb,
            ("kafka", ["cluster" | "vpc-connection", ..]) => Self::ManagedKafka,
            ("mq", ["broker", ..]) => Self::Mq,
            ("rds", ["cluster", _]) => Self::DocumentDb,
            _ => return None,
        };
        Some(make(arn))
    }

    /// `EventSourceArn`.
    pub fn arn(&self) -> Option<&str> {
        match self {
            Self::SelfManagedKafka(_) => None,
            Self::Sqs(arn)
            | Self::Kinesis(arn)
            | Self::DynamoDb(arn)
            | Self::ManagedKafka(arn)
            | Self::Mq(arn)
            | Self::DocumentDb(arn) => Some(arn),
        }
    }

    /// Whether it is a stream of Kinesis or DynamoDB, which have everything in common.
    pub fn is_stream(&self) -> bool {
        matches!(self, Self::Kinesis(_) | Self::DynamoDb(_))
    }

    /// Whether it is a Kafka cluster, whoever manages it.
    pub fn is_kafka(&self) -> bool {
        matches!(self, Self::ManagedKafka(_) | Self::SelfManagedKafka(_))
    }

    /// The queue, if it is one.
    pub fn queue(&self) -> Option<SqsQueue<'_>> {
        let Self::Sqs(arn) = self else { return None };
        let mut parts = arn.split(':').skip(3);
        Some(SqsQueue { region: parts.next()?, account: parts.next()?, name: parts.next()? })
    }

    /// Whether it is a queue that keeps the order of messages.
    pub fn is_fifo(&self) -> bool {
        self.queue().is_some_and(|queue| queue.name.ends_with(".fifo"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_apart_by_their_arns() {
        let arn = |tail: &str| format!("arn:aws:{tail}");
        let check = |tail: &str, expected: Option<fn(String) -> Source>| {
            let read = Source::read(Some(arn(tail)), None).ok();
            assert_eq!(read, expected.map(|make| make(arn(tail))), "{tail}");
        };
        check("sqs:us-east-1:000000000000:q.fifo", Some(Source::Sqs));
        check("kinesis:us-east-1:000000000000:stream/s", Some(Source::Kinesis));
        check("kinesis:us-east-1:000000000000:stream/s/consumer/c:1", Some(Source::Kinesis));
        let stream = "dynamodb:us-east-1:000000000000:table/t/stream/2025-02-22T03:03:25.490";
        check(stream, Some(Source::DynamoDb));
        check("dynamodb:us-east-1:000000000000:table/t", None);
        check("kafka:us-east-1:000000000000:cluster/c/1-2", Some(Source::ManagedKafka));
        check("mq:us-east-1:000000000000:broker:b:b-1", Some(Source::Mq));
        check("rds:us-east-1:000000000000:cluster:c", Some(Source::DocumentDb));
        check("rds:us-east-1:000000000000:db:c", None);
        check("s3:::bucket", None);
    }

    #[test]
    fn a_source_is_named_in_one_way() {
        let arn = || Some("arn:aws:sqs:us-east-1:000000000000:q".to_owned());
        let servers = || Some(vec!["kafka:9092".to_owned()]);
        assert_eq!(Source::read(None, servers()), Ok(Source::SelfManagedKafka(vec!["kafka:9092".into()])));
        for (arn, servers) in [(None, None), (arn(), servers()), (None, Some(Vec::new()))] {
            let unrecognized = Error::InvalidParameter("Unrecognized event source.".into());
            assert_eq!(Source::read(arn, servers), Err(unrecognized));
        }
    }

    #[test]
    fn queues_that_keep_order_are_known_by_their_names() {
        let queue = Source::Sqs("arn:aws:sqs:us-east-1:000000000000:q.fifo".into());
        assert!(queue.is_fifo());
        let named = SqsQueue { region: "us-east-1", account: "000000000000", name: "q.fifo" };
        assert_eq!(queue.queue(), Some(named));
        assert!(!Source::Kinesis("arn:aws:kinesis:us-east-1:000000000000:stream/s.fifo".into()).is_fifo());
    }
}
