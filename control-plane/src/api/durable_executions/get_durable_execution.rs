use lambdock_domain::durable::Execution;

use super::{find, show};
use crate::api::{Caller, Context, Error, valid};
use crate::wire::{Violation, shapes};

/// GetDurableExecution.
///
/// # Errors
/// AWS's for members; an execution that is missing.
pub async fn get_durable_execution(
    context: &Context,
    caller: &Caller,
    input: shapes::GetDurableExecutionRequest,
    violations: Vec<Violation>,
) -> Result<shapes::GetDurableExecutionResponse, Error> {
    valid(violations)?;
    Ok(find(context, caller, input.durable_execution_arn.as_deref())?.look(shown))
}

fn shown(execution: &Execution) -> shapes::GetDurableExecutionResponse {
    let head = execution.head();
    let listed = show::execution(head);
    shapes::GetDurableExecutionResponse {
        durable_execution_arn: listed.durable_execution_arn,
        durable_execution_name: listed.durable_execution_name,
        function_arn: listed.function_arn,
        status: listed.status,
        start_timestamp: listed.start_timestamp,
        end_timestamp: listed.end_timestamp,
        input_payload: Some(execution.input().to_owned()),
        result: head.end().and_then(|end| end.result.clone()),
        error: head.end().and_then(|end| end.error.as_ref()).map(show::error),
        version: Some(head.version.clone()),
        trace_header: head.trace.clone().map(|trace| shapes::TraceHeader { x_amzn_trace_id: Some(trace) }),
    }
}
