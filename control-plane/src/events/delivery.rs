//! Telling destinations and dead-letter queues: one request to the service that an ARN names.
//!
//! [AWS: destinations and dead-letter queues of asynchronous invocations; recorded: SQS, EventBridge]

use bytes::Bytes;
use http::Method;
use lambdock_domain::{Scope, Timestamp};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::work::{Delivery, Message};
use crate::ambient::new_id;
use crate::services::{Call, Error as ServiceError, Http, Protocol, Services};

/// Why a destination was not told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// It may be told later.
    Passing(String),
    /// It will never take it.
    Final(String),
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        let passing = match &error {
            ServiceError::NotNamed => {
                return Self::Final("no upstream plays this service; AWS_ENDPOINT_URL names one".to_owned());
            }
            ServiceError::Unusable(_) | ServiceError::TooLarge => true,
            ServiceError::OtherRegion(_) => false,
            ServiceError::Refused { code, .. } => PASSING.iter().any(|passing| code.contains(passing)),
        };
        if passing { Self::Passing(error.to_string()) } else { Self::Final(error.to_string()) }
    }
}

/// Parts of the types of errors that pass. [AWS: SDKs, what is retried]
const PASSING: [&str; 6] =
    ["Throttl", "TooManyRequests", "SlowDown", "ServiceUnavailable", "InternalError", "InternalFailure"];

/// Bytes that the service behind an ARN takes at once. [AWS: quotas of SQS, SNS, EventBridge and Lambda]
pub(super) fn limit(target: &str) -> usize {
    match service(target) {
        "sns" => 262_144,
        "s3" => usize::MAX,
        _ => 1_048_576,
    }
}

/// The service of an ARN.
pub(super) fn service(target: &str) -> &str {
    target.split(':').nth(2).unwrap_or_default()
}

/// Tells a destination, once.
///
/// # Errors
/// It was not told.
pub(super) async fn send(services: &Services, delivery: &Delivery, body: &Bytes) -> Result<(), Failure> {
    let text = String::from_utf8_lossy(body);
    let scope = scope(delivery);
    match service(&delivery.target) {
        "sqs" => to_queue(services, delivery, &scope, &text).await,
        "sns" => to_topic(services, delivery, &scope, &text).await,
        "events" => to_bus(services, delivery, &scope, &text).await,
        "s3" => to_bucket(services, delivery, &scope, body).await,
        service => Err(Failure::Final(format!("{service} takes no events"))),
    }
}

/// Whose the target is, and where; those of its ARN that it does not say are the function's.
fn scope(delivery: &Delivery) -> Scope {
    let part = |index: usize, own: &String| {
        let part = delivery.target.split(':').nth(index).filter(|part| !part.is_empty());
        part.map_or_else(|| own.clone(), str::to_owned)
    };
    let own = &delivery.function.scope;
    Scope { region: part(3, &own.region), account: part(4, &own.account) }
}

/// What the ARN names in its service.
fn name(target: &str) -> &str {
    target.splitn(6, ':').nth(5).unwrap_or_default()
}

/// Name, type and value of the attributes of a message.
fn attributes(message: &Message) -> Vec<(&'static str, &'static str, String)> {
    match message {
        Message::Record { .. } => Vec::new(),
        Message::DeadLetter { request_id, error_code, error_message } => {
            let attributes = [
                ("RequestID", "String", request_id.clone()),
                ("ErrorCode", "Number", error_code.to_string()),
                ("ErrorMessage", "String", error_message.clone()),
            ];
            // Attributes cannot be empty.
            attributes.into_iter().filter(|(.., value)| !value.is_empty()).collect()
        }
    }
}

async fn to_queue(
    services: &Services,
    delivery: &Delivery,
    scope: &Scope,
    body: &str,
) -> Result<(), Failure> {
    let call = |target, input| Call { service: "sqs", protocol: Protocol::Json1_0, target, scope, input };
    let named = json!({ "QueueName": name(&delivery.target), "QueueOwnerAWSAccountId": scope.account });
    let queue = services.call(call("AmazonSQS.GetQueueUrl", named)).await?;
    services.call(call("AmazonSQS.SendMessage", queue_message(delivery, &queue["QueueUrl"], body))).await?;
    Ok(())
}

fn queue_message(delivery: &Delivery, url: &Value, body: &str) -> Value {
    let mut message = json!({ "QueueUrl": url, "MessageBody": body });
    let attribute = |kind: &str, value: &str| json!({ "DataType": kind, "StringValue": value });
    for (name, kind, value) in attributes(&delivery.message) {
        message["MessageAttributes"][name] = attribute(kind, &value);
    }
    message["MessageSystemAttributes"] = json!({ "AWSTraceHeader": attribute("String", &delivery.trace) });
    message
}

async fn to_topic(
    services: &Services,
    delivery: &Delivery,
    scope: &Scope,
    body: &str,
) -> Result<(), Failure> {
    let form = topic_message(delivery, body);
    let kind = "application/x-www-form-urlencoded; charset=utf-8";
    let headers = [("content-type", kind), (TRACE, &*delivery.trace)];
    let (service, method) = ("sns", Method::POST);
    services
        .request(Http { service, scope, method, path: "/", query: "", headers: &headers, body: form.into() })
        .await?;
    Ok(())
}

const TRACE: &str = "x-amzn-trace-id";

/// Publish, in the query protocol.
fn topic_message(delivery: &Delivery, body: &str) -> String {
    let mut fields = vec![
        ("Action".to_owned(), "Publish".to_owned()),
        ("Version".to_owned(), "2010-03-31".to_owned()),
        ("TopicArn".to_owned(), delivery.target.clone()),
        ("Message".to_owned(), body.to_owned()),
    ];
    for (number, (name, kind, value)) in (1..).zip(attributes(&delivery.message)) {
        let entry = format!("MessageAttributes.entry.{number}");
        fields.push((format!("{entry}.Name"), name.to_owned()));
        fields.push((format!("{entry}.Value.DataType"), kind.to_owned()));
        fields.push((format!("{entry}.Value.StringValue"), value));
    }
    let encoded =
        |(name, value): (String, String)| format!("{name}={}", utf8_percent_encode(&value, NON_ALPHANUMERIC));
    fields.into_iter().map(encoded).collect::<Vec<_>>().join("&")
}

async fn to_bus(services: &Services, delivery: &Delivery, scope: &Scope, body: &str) -> Result<(), Failure> {
    let input = json!({ "Entries": [bus_entry(delivery, body)] });
    let (service, protocol, target) = ("events", Protocol::Json1_1, "AWSEvents.PutEvents");
    let answer = services.call(Call { service, protocol, target, scope, input }).await?;
    match &answer["Entries"][0]["ErrorCode"] {
        Value::String(code) => {
            let message = answer["Entries"][0]["ErrorMessage"].as_str().unwrap_or_default().to_owned();
            Err(ServiceError::Refused { code: code.clone(), message }.into())
        }
        _ => Ok(()),
    }
}

fn bus_entry(delivery: &Delivery, body: &str) -> Value {
    let bus = name(&delivery.target);
    let mut entry = json!({
        "EventBusName": bus.strip_prefix("event-bus/").unwrap_or(bus),
        "Source": "lambda",
        "Detail": body,
        "TraceHeader": delivery.trace,
    });
    if let Message::Record { result, function_arn, .. } = &delivery.message {
        entry["DetailType"] = format!("Lambda Function Invocation Result - {}", result.as_str()).into();
        entry["Resources"] = json!([delivery.target, function_arn]);
    }
    entry
}

async fn to_bucket(
    services: &Services,
    delivery: &Delivery,
    scope: &Scope,
    body: &Bytes,
) -> Result<(), Failure> {
    let path = format!("/{}/{}", name(&delivery.target), object_key(delivery, &new_id()));
    let headers = [("content-type", "application/json")];
    let (service, method) = ("s3", Method::PUT);
    let body = body.clone();
    services
        .request(Http { service, scope, method, path: &path, query: "", headers: &headers, body })
        .await?;
    Ok(())
}

/// [AWS: S3 as a destination of failures]
fn object_key(delivery: &Delivery, id: &str) -> String {
    let time = match &delivery.message {
        Message::Record { time, .. } => *time,
        Message::DeadLetter { .. } => Timestamp::default(),
    };
    let time = jiff::Timestamp::from_millisecond(time.0).unwrap_or_default();
    let when = time.strftime("%Y/%m/%d/%Y-%m-%dT%H.%M.%S");
    format!("aws/lambda/async/{}/{when}-{id}", delivery.function.name)
}

#[cfg(test)]
mod tests {
    use lambdock_domain::FunctionId;

    use super::super::work::Result as Ended;
    use super::*;

    fn delivery(target: &str, message: Message) -> Delivery {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        Delivery {
            target: target.into(),
            function: FunctionId { scope, name: "f".into() },
            qualifier: None,
            trace: "Root=1-2-3".into(),
            message,
            failures: 0,
        }
    }

    fn record() -> Message {
        let time = Timestamp(1_764_025_868_123);
        Message::Record { result: Ended::Failure, function_arn: "arn:f:$LATEST".into(), time }
    }

    fn dead_letter(error_message: &str) -> Message {
        Message::DeadLetter { request_id: "id".into(), error_code: 200, error_message: error_message.into() }
    }

    #[test]
    fn queues_get_the_trace_and_dead_letters_their_attributes() {
        let url = json!("http://q");
        let target = "arn:aws:sqs:us-east-1:000000000000:q";
        let trace = json!({ "AWSTraceHeader": { "DataType": "String", "StringValue": "Root=1-2-3" } });
        assert_eq!(
            queue_message(&delivery(target, record()), &url, "{}"),
            json!({ "QueueUrl": "http://q", "MessageBody": "{}", "MessageSystemAttributes": trace })
        );
        let letter = queue_message(&delivery(target, dead_letter("no luck")), &url, "{}");
        assert_eq!(
            letter["MessageAttributes"],
            json!({
                "RequestID": { "DataType": "String", "StringValue": "id" },
                "ErrorCode": { "DataType": "Number", "StringValue": "200" },
                "ErrorMessage": { "DataType": "String", "StringValue": "no luck" },
            })
        );
        let letter = queue_message(&delivery(target, dead_letter("")), &url, "{}");
        assert!(letter["MessageAttributes"].get("ErrorMessage").is_none(), "{letter}");
    }

    #[test]
    fn topics_get_a_form() {
        let topic = delivery("arn:aws:sns:eu-west-1:000000000002:t", dead_letter("a&b"));
        assert_eq!(
            topic_message(&topic, r#"{"a": 1}"#),
            "Action=Publish&Version=2010%2D03%2D31&TopicArn=arn%3Aaws%3Asns%3Aeu%2Dwest%2D1%3A000000000002%3At\
             &Message=%7B%22a%22%3A%201%7D&MessageAttributes.entry.1.Name=RequestID\
             &MessageAttributes.entry.1.Value.DataType=String&MessageAttributes.entry.1.Value.StringValue=id\
             &MessageAttributes.entry.2.Name=ErrorCode&MessageAttributes.entry.2.Value.DataType=Number\
             &MessageAttributes.entry.2.Value.StringValue=200&MessageAttributes.entry.3.Name=ErrorMessage\
             &MessageAttributes.entry.3.Value.DataType=String&MessageAttributes.entry.3.Value.StringValue=a%26b"
        );
        assert_eq!(scope(&topic), Scope { account: "000000000002".into(), region: "eu-west-1".into() });
    }

    #[test]
    fn buses_are_told_what_it_is_about() {
        let target = "arn:aws:events:us-east-1:000000000000:event-bus/b";
        assert_eq!(
            bus_entry(&delivery(target, record()), "{}"),
            json!({
                "EventBusName": "b",
                "Source": "lambda",
                "Detail": "{}",
                "DetailType": "Lambda Function Invocation Result - Failure",
                "Resources": [target, "arn:f:$LATEST"],
                "TraceHeader": "Root=1-2-3",
            })
        );
    }

    #[test]
    fn objects_are_named_after_the_function_and_the_time() {
        let bucket = delivery("arn:aws:s3:::bucket", record());
        let key = object_key(&bucket, "uuid");
        assert_eq!(key, "aws/lambda/async/f/2025/11/24/2025-11-24T23.11.08-uuid");
        assert_eq!((name(&bucket.target), scope(&bucket)), ("bucket", bucket.function.scope.clone()));
    }

    #[test]
    fn what_passes_is_told_from_what_stays() {
        let refused = |code: &str| ServiceError::Refused { code: code.into(), message: "m".into() };
        let passing = |error: ServiceError| matches!(Failure::from(error), Failure::Passing(_));
        assert!(passing(ServiceError::Unusable("away".into())));
        assert!(passing(refused("ThrottlingException")));
        assert!(!passing(refused("QueueDoesNotExist")));
        assert!(!passing(ServiceError::NotNamed));
    }
}
