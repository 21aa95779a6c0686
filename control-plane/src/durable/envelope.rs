//! Pure: what a durable function is invoked with and what it answers, as JSON; and the tokens in it.
//!
//! [AWS's durable execution SDKs: the input and output of an invocation. Its times are milliseconds, in contrast to
//! those of the API]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use lambdock_domain::Timestamp;
use lambdock_domain::durable::{ErrorObject, Input, Kind, Operation, Output};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The token of a checkpoint: its number and the invocation that may use it.
pub fn checkpoint_token(number: u64, invocation: &str) -> String {
    BASE64.encode(format!("{number}/{invocation}"))
}

/// What a checkpoint token says; `None`: it is none of ours.
pub fn read_checkpoint_token(token: &str) -> Option<(u64, String)> {
    let text = String::from_utf8(BASE64.decode(token).ok()?).ok()?;
    let (number, invocation) = text.split_once('/')?;
    Some((number.parse().ok()?, invocation.to_owned()))
}

/// The id of a callback: the execution and its operation.
pub fn callback_id(execution: &str, operation: &str) -> String {
    BASE64.encode(format!("{operation} {execution}"))
}

/// The ARN of the execution that a callback belongs to; `None`: it is none of ours.
pub fn execution_of_callback(id: &str) -> Option<String> {
    let text = String::from_utf8(BASE64.decode(id).ok()?).ok()?;
    text.split_once(' ').map(|(_, execution)| execution.to_owned())
}

/// The event of an invocation.
pub fn event(arn: &str, invocation: &str, input: &Input) -> Bytes {
    let event = json!({
        "DurableExecutionArn": arn,
        "CheckpointToken": checkpoint_token(input.token, invocation),
        "InitialExecutionState": {
            "Operations": input.operations.iter().map(operation).collect::<Vec<_>>(),
            "NextMarker": input.next_marker.map(|next| next.to_string()).unwrap_or_default(),
        },
        "UpdatedOperationIds": input.updated_operation_ids,
    });
    event.to_string().into()
}

fn operation(operation: &Operation) -> Value {
    let mut shown = Map::new();
    let mut show = |name: &str, value: Value| {
        if !value.is_null() {
            shown.insert(name.to_owned(), value);
        }
    };
    show("Id", json!(operation.id));
    show("ParentId", json!(operation.parent_id));
    show("Name", json!(operation.name));
    show("Type", json!(operation.kind.as_str()));
    show("SubType", json!(operation.sub_type));
    show("Status", json!(operation.status.as_str()));
    show("StartTimestamp", json!(operation.started.0));
    show("EndTimestamp", json!(millis(operation.ended)));
    let mut details = Map::new();
    let mut detail = |name: &str, value: Value| {
        if !value.is_null() {
            details.insert(name.to_owned(), value);
        }
    };
    let name = match operation.kind {
        Kind::Execution => {
            detail("InputPayload", json!(operation.input));
            "ExecutionDetails"
        }
        Kind::Context => {
            detail("ReplayChildren", json!(operation.replay_children));
            "ContextDetails"
        }
        Kind::Step => {
            detail("Attempt", json!(operation.attempt));
            detail("NextAttemptTimestamp", json!(millis(operation.due)));
            "StepDetails"
        }
        Kind::Wait => {
            detail("ScheduledEndTimestamp", json!(millis(operation.due)));
            "WaitDetails"
        }
        Kind::Callback => {
            detail("CallbackId", json!(operation.callback.as_ref().map(|callback| &callback.id)));
            "CallbackDetails"
        }
        Kind::ChainedInvoke => "ChainedInvokeDetails",
    };
    if !matches!(operation.kind, Kind::Execution | Kind::Wait) {
        detail("Result", json!(operation.result));
        detail("Error", json!(operation.error));
    }
    show(name, Value::Object(details));
    Value::Object(shown)
}

fn millis(time: Option<Timestamp>) -> Option<i64> {
    time.map(|time| time.0)
}

/// What a function that has not failed has answered.
pub fn output(answer: &[u8]) -> Output {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        status: String,
        result: Option<String>,
        error: Option<ErrorObject>,
    }
    match serde_json::from_slice::<Answer>(answer) {
        Ok(Answer { status, result, error }) => match status.as_str() {
            "SUCCEEDED" => Output::Succeeded { result, error },
            "FAILED" => Output::Failed { result, error },
            "PENDING" => Output::Pending,
            _ => Output::Invalid(format!("{status:?} is no status")),
        },
        Err(error) => Output::Invalid(error.to_string()),
    }
}

/// The error that a function has failed with, as it tells it or as we tell it of its runtime.
pub fn function_error(answer: &[u8]) -> ErrorObject {
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "camelCase", default)]
    struct Told {
        error_message: Option<String>,
        error_type: Option<String>,
        stack_trace: Option<Value>,
    }
    let Ok(told) = serde_json::from_slice::<Told>(answer) else {
        return ErrorObject::message(String::from_utf8_lossy(answer).into_owned());
    };
    let stack_trace = told.stack_trace.and_then(|trace| serde_json::from_value(trace).ok());
    ErrorObject {
        error_message: told.error_message,
        error_type: told.error_type,
        error_data: None,
        stack_trace,
    }
}

/// What a caller gets that waited for an execution which has ended otherwise than well.
pub fn caller_error(error: Option<&ErrorObject>) -> Bytes {
    let mut shown = Map::new();
    if let Some(error) = error {
        let mut show = |name: &str, value: Value| {
            if !value.is_null() {
                shown.insert(name.to_owned(), value);
            }
        };
        show("errorMessage", json!(error.error_message));
        show("errorType", json!(error.error_type));
        show("errorData", json!(error.error_data));
        show("stackTrace", json!(error.stack_trace));
    }
    Value::Object(shown).to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_callback_ids_are_read_again_and_others_are_refused() {
        let token = checkpoint_token(7, "0a-1");
        assert_eq!(read_checkpoint_token(&token), Some((7, "0a-1".to_owned())));
        let id = callback_id("arn:aws:lambda:x/durable-execution/n/i", "op-1");
        assert_eq!(execution_of_callback(&id).as_deref(), Some("arn:aws:lambda:x/durable-execution/n/i"));
        for text in ["", "%", "AAAA", &BASE64.encode("x"), &BASE64.encode([0xff, 0xfe])] {
            assert_eq!(read_checkpoint_token(text), None);
            assert_eq!(execution_of_callback(text), None);
        }
    }

    #[test]
    fn answers_are_understood_or_said_why_not() {
        assert_eq!(
            output(br#"{"Status":"SUCCEEDED","Result":"1"}"#),
            Output::Succeeded { result: Some("1".into()), error: None }
        );
        assert_eq!(output(br#"{"Status":"PENDING"}"#), Output::Pending);
        let failed = output(br#"{"Status":"FAILED","Error":{"ErrorType":"T","StackTrace":["a"]}}"#);
        let Output::Failed { result: None, error: Some(error) } = failed else { panic!("{failed:?}") };
        assert_eq!((error.error_type.as_deref(), error.stack_trace), (Some("T"), Some(vec!["a".to_owned()])));
        for answer in ["null", "1", "", "{}", r#"{"Status":"DONE"}"#, r#"{"Status":"FAILED","Error":1}"#] {
            assert!(matches!(output(answer.as_bytes()), Output::Invalid(_)), "{answer}");
        }
    }

    #[test]
    fn errors_of_functions_are_kept_however_they_look() {
        let error =
            function_error(br#"{"errorMessage":"m","errorType":"T","stackTrace":["a"],"requestId":"x"}"#);
        assert_eq!(error.error_message.as_deref(), Some("m"));
        assert_eq!(caller_error(Some(&error)), r#"{"errorMessage":"m","errorType":"T","stackTrace":["a"]}"#);
        assert_eq!(function_error(b"boom").error_message.as_deref(), Some("boom"));
        assert_eq!(function_error(br#"{"stackTrace":7}"#), ErrorObject::default());
        assert_eq!(caller_error(None), "{}");
    }
}
