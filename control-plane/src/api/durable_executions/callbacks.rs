use std::sync::Arc;

use lambdock_domain::durable::{ErrorObject, Execution, NotWaiting};
use lambdock_domain::{Error as DomainError, Timestamp};

use super::{find, show};
use crate::api::{Caller, Context, Error, now, valid};
use crate::durable::{Entry, envelope};
use crate::wire::{Violation, shapes};

/// SendDurableExecutionCallbackSuccess.
///
/// # Errors
/// AWS's for members; nobody waits for the callback (any more).
pub async fn send_durable_execution_callback_success(
    context: &Context,
    caller: &Caller,
    input: shapes::SendDurableExecutionCallbackSuccessRequest,
    violations: Vec<Violation>,
) -> Result<shapes::SendDurableExecutionCallbackSuccessResponse, Error> {
    valid(violations)?;
    let id = input.callback_id.unwrap_or_default();
    let result =
        input.result.filter(|result| !result.is_empty()).map(|result| String::from_utf8(result.to_vec()));
    let result = result
        .transpose()
        .map_err(|_| DomainError::InvalidParameter("The result of a callback must be UTF-8.".to_owned()))?;
    tell(context, caller, &id, |execution, now| execution.answer_callback(&id, Ok(result), now)).await?;
    Ok(shapes::SendDurableExecutionCallbackSuccessResponse {})
}

/// SendDurableExecutionCallbackFailure.
///
/// # Errors
/// AWS's for members; nobody waits for the callback (any more).
pub async fn send_durable_execution_callback_failure(
    context: &Context,
    caller: &Caller,
    input: shapes::SendDurableExecutionCallbackFailureRequest,
    violations: Vec<Violation>,
) -> Result<shapes::SendDurableExecutionCallbackFailureResponse, Error> {
    valid(violations)?;
    let id = input.callback_id.unwrap_or_default();
    let error: ErrorObject = input.error.map(show::read_error).unwrap_or_default();
    tell(context, caller, &id, |execution, now| execution.answer_callback(&id, Err(error), now)).await?;
    Ok(shapes::SendDurableExecutionCallbackFailureResponse {})
}

/// SendDurableExecutionCallbackHeartbeat.
///
/// # Errors
/// AWS's for members; nobody waits for the callback (any more).
pub async fn send_durable_execution_callback_heartbeat(
    context: &Context,
    caller: &Caller,
    input: shapes::SendDurableExecutionCallbackHeartbeatRequest,
    violations: Vec<Violation>,
) -> Result<shapes::SendDurableExecutionCallbackHeartbeatResponse, Error> {
    valid(violations)?;
    let id = input.callback_id.unwrap_or_default();
    tell(context, caller, &id, |execution, now| execution.callback_lives(&id, now)).await?;
    Ok(shapes::SendDurableExecutionCallbackHeartbeatResponse {})
}

async fn tell(
    context: &Context,
    caller: &Caller,
    id: &str,
    step: impl FnOnce(&mut Execution, Timestamp) -> Result<(), NotWaiting>,
) -> Result<(), Error> {
    let arn = envelope::execution_of_callback(id);
    let entry: Option<Arc<Entry>> = arn.and_then(|arn| find(context, caller, Some(&arn)).ok());
    let told = match entry {
        Some(entry) => context.executions.change(&entry, |execution| step(execution, now())).await?,
        None => Err(NotWaiting),
    };
    told.map_err(|NotWaiting| {
        Error::CallbackTimeout("The callback does not exist, has been answered, or has timed out.".to_owned())
    })
}
