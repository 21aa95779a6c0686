//! How large requests may be, and what is said to those that are larger.

use super::body;
use super::dispatch::Gateway;
use crate::api::invocations::PayloadLimit;
use crate::wire::{ErrorCode, Operation, ServiceError};

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
    pub(super) fn unreadable(&self, operation: Operation, fault: body::Fault) -> ServiceError {
        let limit = self.limit(operation);
        let message = match (fault, operation) {
            (body::Fault::Incomplete, _) => {
                let message = "The request's body did not arrive completely.";
                return ServiceError::new(ErrorCode::SerializationException, message);
            }
            (body::Fault::TooLarge(bytes), Operation::Invoke | Operation::InvokeWithResponseStream) => {
                PayloadLimit::Request(limit).exceeded(bytes)
            }
            (body::Fault::TooLarge(bytes), Operation::InvokeAsync) => {
                PayloadLimit::Event(limit).exceeded(bytes)
            }
            (body::Fault::TooLarge(_), _) => {
                format!("Request must be smaller than {limit} bytes for the {} operation", operation.name())
            }
        };
        ServiceError::new(ErrorCode::RequestEntityTooLargeException, message)
    }
}
