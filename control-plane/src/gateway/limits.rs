//! How large requests may be, and what is said to those that are larger.

use http::request::Parts;

use super::body;
use super::dispatch::Gateway;
use crate::wire::{ErrorCode, Operation, ServiceError};

const INVOCATION_TYPE: &str = "x-amz-invocation-type";

/// Most that requests may have that carry no code and no event, in bytes. [AWS: environment, policies and the rest of
/// a configuration stay far below]
const ORDINARY_REQUEST: u64 = 1 << 20;

/// The same for a checkpoint, which may have a result of 6 MB in it, as a string in JSON. [AWS: OperationPayload]
const CHECKPOINT: u64 = 16 << 20;

impl Gateway {
    /// Bytes of a body that the operation takes.
    pub(super) fn limit(&self, operation: Operation) -> u64 {
        let limits = self.context.rules.get().limits.clone();
        match operation {
            Operation::CreateFunction | Operation::UpdateFunctionCode | Operation::PublishLayerVersion => {
                limits.create_function_request
            }
            Operation::Invoke | Operation::InvokeWithResponseStream => limits.request_payload,
            Operation::InvokeAsync => limits.invoke_async_payload,
            Operation::CheckpointDurableExecution => CHECKPOINT,
            _ => ORDINARY_REQUEST,
        }
    }

    /// What is said to a request whose body cannot be had.
    pub(super) fn unreadable(&self, operation: Operation, parts: &Parts, fault: body::Fault) -> ServiceError {
        let limits = self.context.rules.get().limits.clone();
        let limit = self.limit(operation);
        let is_event = parts.headers.get(INVOCATION_TYPE).is_some_and(|value| value == "Event");
        match fault {
            body::Fault::Incomplete => {
                let message = "The request's body did not arrive completely.";
                ServiceError::new(ErrorCode::SerializationException, message)
            }
            body::Fault::TooLarge(bytes)
                if matches!(
                    operation,
                    Operation::Invoke | Operation::InvokeAsync | Operation::InvokeWithResponseStream
                ) =>
            {
                let (kind, limit) = match operation {
                    Operation::InvokeAsync => ("Event", limit),
                    _ if is_event => ("Event", limits.event_payload),
                    _ => ("RequestResponse", limit),
                };
                let message = format!(
                    "{bytes} byte payload is too large for the {kind} invocation type (limit {limit} bytes)"
                );
                ServiceError::new(ErrorCode::RequestTooLargeException, message)
            }
            body::Fault::TooLarge(_) => ServiceError::new(
                ErrorCode::RequestEntityTooLargeException,
                format!("Request must be smaller than {limit} bytes for the {} operation", operation.name()),
            ),
        }
    }
}
