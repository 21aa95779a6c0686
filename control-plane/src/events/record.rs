//! Pure: what destinations and dead-letter queues are told, byte for byte.

use bytes::Bytes;
use lambdock_domain::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::schedule::Condition;
use super::work::Event;

/// What a function answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Response<'a> {
    /// `$LATEST` or a number.
    pub(super) version: &'a str,
    /// Its output, or the error's JSON.
    pub(super) payload: &'a [u8],
    /// Whether it failed.
    pub(super) failed: bool,
}

/// Everything an invocation record says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome<'a> {
    pub(super) event: &'a Event,
    pub(super) payload: &'a [u8],
    pub(super) condition: Condition,
    /// ARN of the version that ran, qualified.
    pub(super) function_arn: &'a str,
    /// `None`: the last attempt did not get to the function.
    pub(super) response: Option<Response<'a>>,
    pub(super) now: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    version: &'static str,
    timestamp: String,
    request_context: RequestContext<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_payload: Option<Json<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_context: Option<ResponseContext<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_payload: Option<Json<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    request_id: &'a str,
    function_arn: &'a str,
    condition: &'static str,
    approximate_invoke_count: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseContext<'a> {
    status_code: u16,
    executed_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_error: Option<&'static str>,
}

/// JSON as it came; other text as a string.
struct Json<'a>(&'a [u8]);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serde_json::from_slice::<&RawValue>(self.0) {
            Ok(json) => json.serialize(serializer),
            Err(_) => serializer.serialize_str(&String::from_utf8_lossy(self.0)),
        }
    }
}

/// The invocation record. One that would be larger than `limit` bytes is written without its payloads. [AWS: recorded,
/// members and their order; destinations of asynchronous invocations: what is too large]
pub(super) fn record(outcome: Outcome<'_>, limit: usize) -> Bytes {
    let whole = write(outcome, Payloads::Written);
    if whole.len() <= limit { whole } else { write(outcome, Payloads::LeftOut) }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Payloads {
    Written,
    LeftOut,
}

fn write(outcome: Outcome<'_>, payloads: Payloads) -> Bytes {
    let Outcome { event, payload, condition, function_arn, response, now } = outcome;
    let json = |bytes| (payloads == Payloads::Written).then_some(Json(bytes));
    let record = Record {
        version: "1.0",
        timestamp: timestamp(now),
        request_context: RequestContext {
            request_id: &event.request_id,
            function_arn,
            condition: condition.as_str(),
            approximate_invoke_count: event.failures + u32::from(response.is_some()),
        },
        request_payload: json(payload),
        response_context: response.map(|response| ResponseContext {
            status_code: 200,
            executed_version: response.version,
            function_error: response.failed.then_some("Unhandled"),
        }),
        response_payload: response.and_then(|response| json(response.payload)),
    };
    // All of its keys are strings.
    serde_json::to_vec(&record).unwrap_or_default().into()
}

/// ISO 8601 with milliseconds.
fn timestamp(time: Timestamp) -> String {
    let time = jiff::Timestamp::from_millisecond(time.0).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Bytes of `ErrorMessage`. [AWS: dead-letter queues, the first 1 KB]
const ERROR_MESSAGE: usize = 1024;

/// `ErrorMessage` of an event whose function answered `error`: the error's own message, else all of it. Characters that
/// no message attribute may have are left out. [AWS: SQS, SendMessage]
pub(super) fn error_message(error: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Error {
        error_message: String,
    }
    let message = match serde_json::from_slice::<Error>(error) {
        Ok(error) => error.error_message,
        Err(_) => String::from_utf8_lossy(error).into_owned(),
    };
    let mut short = String::new();
    let allowed = |c: &char| !c.is_control() || matches!(c, '\t' | '\n' | '\r');
    for letter in message.chars().filter(allowed).filter(|c| !matches!(c, '\u{fffe}' | '\u{ffff}')) {
        if short.len() + letter.len_utf8() > ERROR_MESSAGE {
            break;
        }
        short.push(letter);
    }
    short
}

#[cfg(test)]
mod tests {
    use lambdock_domain::{FunctionId, Scope};

    use super::*;

    const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST";

    fn event(failures: u32) -> Event {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        Event {
            request_id: "id".into(),
            function: FunctionId { scope, name: "f".into() },
            qualifier: None,
            trace: "Root=1-2-3".into(),
            tenant: None,
            accepted: Timestamp(0),
            failures,
            refusals: 0,
        }
    }

    fn check(
        failures: u32,
        condition: Condition,
        response: Option<Response<'_>>,
        limit: usize,
        expected: &str,
    ) {
        let event = event(failures);
        let outcome = Outcome {
            event: &event,
            payload: br#"{"b":1, "a":12345678901234567890123}"#,
            condition,
            function_arn: ARN,
            response,
            now: Timestamp(1_764_025_868_123),
        };
        let record = record(outcome, limit);
        assert_eq!(std::str::from_utf8(&record).unwrap(), expected.replace("HEAD", r#"{"version":"1.0","timestamp":"2025-11-24T23:11:08.123Z","requestContext":{"requestId":"id","functionArn":"arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST","#));
    }

    #[test]
    fn a_success_is_told_in_awss_members_and_their_order() {
        let response = Response { version: "$LATEST", payload: b"null", failed: false };
        check(
            0,
            Condition::Success,
            Some(response),
            usize::MAX,
            r#"HEAD"condition":"Success","approximateInvokeCount":1},"requestPayload":{"b":1, "a":12345678901234567890123},"responseContext":{"statusCode":200,"executedVersion":"$LATEST"},"responsePayload":null}"#,
        );
    }

    #[test]
    fn a_failure_counts_its_attempts() {
        let response = Response { version: "3", payload: b"not json", failed: true };
        check(
            2,
            Condition::RetriesExhausted,
            Some(response),
            usize::MAX,
            r#"HEAD"condition":"RetriesExhausted","approximateInvokeCount":3},"requestPayload":{"b":1, "a":12345678901234567890123},"responseContext":{"statusCode":200,"executedVersion":"3","functionError":"Unhandled"},"responsePayload":"not json"}"#,
        );
    }

    #[test]
    fn what_did_not_run_has_no_response() {
        check(
            0,
            Condition::ZeroReservedConcurrency,
            None,
            usize::MAX,
            r#"HEAD"condition":"ZeroReservedConcurrency","approximateInvokeCount":0},"requestPayload":{"b":1, "a":12345678901234567890123}}"#,
        );
    }

    #[test]
    fn what_is_too_large_goes_without_payloads() {
        let response = Response { version: "$LATEST", payload: b"1", failed: false };
        check(
            0,
            Condition::Success,
            Some(response),
            200,
            r#"HEAD"condition":"Success","approximateInvokeCount":1},"responseContext":{"statusCode":200,"executedVersion":"$LATEST"}}"#,
        );
    }

    #[test]
    fn messages_of_errors_are_cut_and_cleaned() {
        assert_eq!(error_message(br#"{"errorMessage":"no\u0000 luck\n","errorType":"E"}"#), "no luck\n");
        assert_eq!(error_message(b"plain"), "plain");
        let long = format!(r#"{{"errorMessage":"x{}"}}"#, "ü".repeat(1000));
        assert_eq!(error_message(long.as_bytes()).len(), 1023);
    }
}
