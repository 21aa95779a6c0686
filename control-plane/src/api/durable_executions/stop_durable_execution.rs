use super::{find, show};
use crate::api::{Caller, Context, Error, now, valid};
use crate::wire::{Violation, shapes};

/// StopDurableExecution. One that has ended stays as it is.
///
/// # Errors
/// AWS's for members; an execution that is missing.
pub async fn stop_durable_execution(
    context: &Context,
    caller: &Caller,
    input: shapes::StopDurableExecutionRequest,
    violations: Vec<Violation>,
) -> Result<shapes::StopDurableExecutionResponse, Error> {
    valid(violations)?;
    let entry = find(context, caller, input.durable_execution_arn.as_deref())?;
    let error = input.error.map(show::read_error);
    let stopped = context.executions.change(&entry, |execution| execution.stop(error, now())).await?;
    Ok(shapes::StopDurableExecutionResponse { stop_timestamp: Some(show::seconds(stopped)) })
}
