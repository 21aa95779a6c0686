//! Pure: executions, their operations and their history in the shapes of the model.

use lambdock_domain::Timestamp;
use lambdock_domain::durable::{ErrorObject, Event, Head, Kind, Operation, Retry, What};

use crate::wire::shapes;

/// Seconds since the Unix epoch.
pub(super) fn seconds(time: Timestamp) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of any date are far below 2^53")]
    let milliseconds = time.0 as f64;
    milliseconds / 1000.0
}

pub(super) fn error(error: &ErrorObject) -> shapes::ErrorObject {
    let ErrorObject { error_message, error_type, error_data, stack_trace } = error.clone();
    shapes::ErrorObject { error_message, error_type, error_data, stack_trace }
}

/// The error of a request; one without members is one all the same.
pub(super) fn read_error(error: shapes::ErrorObject) -> ErrorObject {
    let shapes::ErrorObject { error_message, error_type, error_data, stack_trace } = error;
    ErrorObject { error_message, error_type, error_data, stack_trace }
}

/// An execution as lists show it.
pub(super) fn execution(head: &Head) -> shapes::Execution {
    shapes::Execution {
        durable_execution_arn: Some(head.arn()),
        durable_execution_name: Some(head.name.clone()),
        function_arn: Some(head.function.qualified_arn(&head.version)),
        status: Some(head.outcome().as_str().to_owned()),
        start_timestamp: Some(seconds(head.started)),
        end_timestamp: head.end().map(|end| seconds(end.at)),
    }
}

pub(super) fn operation(operation: &Operation) -> shapes::Operation {
    let result = operation.result.clone();
    let failure = operation.error.as_ref().map(error);
    let due = operation.due.map(seconds);
    let mut shown = shapes::Operation {
        id: Some(operation.id.clone()),
        parent_id: operation.parent_id.clone(),
        name: operation.name.clone(),
        type_: Some(operation.kind.as_str().to_owned()),
        sub_type: operation.sub_type.clone(),
        start_timestamp: Some(seconds(operation.started)),
        end_timestamp: operation.ended.map(seconds),
        status: Some(operation.status.as_str().to_owned()),
        ..Default::default()
    };
    match operation.kind {
        Kind::Execution => {
            shown.execution_details =
                Some(shapes::ExecutionDetails { input_payload: operation.input.clone() });
        }
        Kind::Context => {
            shown.context_details = Some(shapes::ContextDetails {
                replay_children: Some(operation.replay_children),
                result,
                error: failure,
            });
        }
        Kind::Step => {
            shown.step_details = Some(shapes::StepDetails {
                attempt: Some(operation.attempt.into()),
                next_attempt_timestamp: due,
                result,
                error: failure,
            });
        }
        Kind::Wait => shown.wait_details = Some(shapes::WaitDetails { scheduled_end_timestamp: due }),
        Kind::Callback => {
            shown.callback_details = Some(shapes::CallbackDetails {
                callback_id: operation.callback.as_ref().map(|callback| callback.id.clone()),
                result,
                error: failure,
            });
        }
        Kind::ChainedInvoke => {
            shown.chained_invoke_details = Some(shapes::ChainedInvokeDetails { result, error: failure });
        }
    }
    shown
}

/// Whether payloads of events are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Data {
    Shown,
    LeftOut,
}

impl Data {
    fn truncated(self) -> Option<bool> {
        Some(self == Self::LeftOut)
    }

    fn payload<T>(self, payload: Option<T>) -> Option<T> {
        payload.filter(|_| self == Self::Shown)
    }

    fn input(self, payload: &str) -> shapes::EventInput {
        shapes::EventInput { payload: self.payload(Some(payload.to_owned())), truncated: self.truncated() }
    }

    fn result(self, payload: Option<&String>) -> Option<shapes::EventResult> {
        Some(shapes::EventResult { payload: self.payload(payload.cloned()), truncated: self.truncated() })
    }

    fn error(self, payload: Option<&ErrorObject>) -> Option<shapes::EventError> {
        Some(shapes::EventError { payload: self.payload(payload.map(error)), truncated: self.truncated() })
    }
}

fn retry(retry: Retry) -> Option<shapes::RetryDetails> {
    Some(shapes::RetryDetails {
        current_attempt: Some(retry.current_attempt.into()),
        next_attempt_delay_seconds: retry.next_attempt_delay_s.map(Into::into),
    })
}

/// The event at a place, which begins at 0, of the history of the execution `arn`. `child`: the execution that the
/// event's operation has started.
pub(super) fn event(place: usize, event: &Event, child: Option<String>, data: Data) -> shapes::Event {
    let mut shown = shapes::Event {
        event_type: Some(event.what.as_str().to_owned()),
        event_id: i64::try_from(place + 1).ok(),
        event_timestamp: Some(seconds(event.at)),
        id: event.operation.as_ref().map(|operation| operation.id.clone()),
        name: event.operation.as_ref().and_then(|operation| operation.name.clone()),
        parent_id: event.operation.as_ref().and_then(|operation| operation.parent_id.clone()),
        sub_type: event.operation.as_ref().and_then(|operation| operation.sub_type.clone()),
        ..Default::default()
    };
    macro_rules! details {
        ($member:ident = $shape:ident { $($name:ident: $value:expr),* $(,)? }) => {
            shown.$member = Some(shapes::$shape { $($name: $value),* })
        };
    }
    match &event.what {
        What::ExecutionStarted { input, timeout_s } => details!(
            execution_started_details = ExecutionStartedDetails {
                input: Some(data.input(input)),
                execution_timeout: Some((*timeout_s).into()),
            }
        ),
        What::ExecutionSucceeded { result } => details!(
            execution_succeeded_details = ExecutionSucceededDetails { result: data.result(result.as_ref()) }
        ),
        What::ExecutionFailed { error } => {
            details!(execution_failed_details = ExecutionFailedDetails { error: data.error(error.as_ref()) })
        }
        What::ExecutionTimedOut { error } => details!(
            execution_timed_out_details = ExecutionTimedOutDetails { error: data.error(error.as_ref()) }
        ),
        What::ExecutionStopped { error } => {
            details!(
                execution_stopped_details = ExecutionStoppedDetails { error: data.error(error.as_ref()) }
            )
        }
        What::ContextStarted => details!(context_started_details = ContextStartedDetails {}),
        What::ContextSucceeded { result } => {
            details!(
                context_succeeded_details = ContextSucceededDetails { result: data.result(result.as_ref()) }
            )
        }
        What::ContextFailed { error } => {
            details!(context_failed_details = ContextFailedDetails { error: data.error(error.as_ref()) })
        }
        What::WaitStarted { duration_s, due } => details!(
            wait_started_details = WaitStartedDetails {
                duration: Some((*duration_s).into()),
                scheduled_end_timestamp: Some(seconds(*due)),
            }
        ),
        What::WaitSucceeded { duration_s } => {
            details!(wait_succeeded_details = WaitSucceededDetails { duration: Some((*duration_s).into()) })
        }
        What::WaitCancelled => details!(wait_cancelled_details = WaitCancelledDetails { error: None }),
        What::StepStarted => details!(step_started_details = StepStartedDetails {}),
        What::StepSucceeded { result, retry: tries } => details!(
            step_succeeded_details =
                StepSucceededDetails { result: data.result(result.as_ref()), retry_details: retry(*tries) }
        ),
        What::StepFailed { error, retry: tries } => details!(
            step_failed_details =
                StepFailedDetails { error: data.error(error.as_ref()), retry_details: retry(*tries) }
        ),
        What::ChainedInvokeStarted { function, tenant, input } => details!(
            chained_invoke_started_details = ChainedInvokeStartedDetails {
                function_name: Some(function.clone()),
                tenant_id: tenant.clone(),
                input: input.as_deref().map(|input| data.input(input)),
                executed_version: None,
                durable_execution_arn: child,
            }
        ),
        What::ChainedInvokeSucceeded { result } => details!(
            chained_invoke_succeeded_details =
                ChainedInvokeSucceededDetails { result: data.result(result.as_ref()) }
        ),
        What::ChainedInvokeFailed { error } => details!(
            chained_invoke_failed_details = ChainedInvokeFailedDetails { error: data.error(error.as_ref()) }
        ),
        What::ChainedInvokeTimedOut { error } => details!(
            chained_invoke_timed_out_details =
                ChainedInvokeTimedOutDetails { error: data.error(error.as_ref()) }
        ),
        What::ChainedInvokeStopped { error } => details!(
            chained_invoke_stopped_details =
                ChainedInvokeStoppedDetails { error: data.error(error.as_ref()) }
        ),
        What::CallbackStarted { callback_id, timeout_s, heartbeat_timeout_s } => details!(
            callback_started_details = CallbackStartedDetails {
                callback_id: Some(callback_id.clone()),
                timeout: timeout_s.map(Into::into),
                heartbeat_timeout: heartbeat_timeout_s.map(Into::into),
            }
        ),
        What::CallbackSucceeded { result } => details!(
            callback_succeeded_details = CallbackSucceededDetails { result: data.result(result.as_ref()) }
        ),
        What::CallbackFailed { error } => {
            details!(callback_failed_details = CallbackFailedDetails { error: data.error(error.as_ref()) })
        }
        What::CallbackTimedOut { error } => details!(
            callback_timed_out_details = CallbackTimedOutDetails { error: data.error(error.as_ref()) }
        ),
        What::InvocationCompleted { started, request_id, error } => details!(
            invocation_completed_details = InvocationCompletedDetails {
                start_timestamp: Some(seconds(*started)),
                end_timestamp: Some(seconds(event.at)),
                request_id: Some(request_id.clone()),
                error: error.as_ref().and_then(|error| data.error(Some(error))),
            }
        ),
    }
    shown
}
