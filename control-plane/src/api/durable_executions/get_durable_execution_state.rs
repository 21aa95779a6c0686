use super::{find_with_token, invalid_token, show};
use crate::api::page::invalid;
use crate::api::{Caller, Context, Error, valid};
use crate::wire::{Violation, shapes};

/// Operations of a page, unless the request says, and at most. [AWS: ItemCount]
const PAGE: (usize, usize) = (100, 1000);

/// GetDurableExecutionState: the operations that did not fit into the event of an invocation.
///
/// # Errors
/// AWS's for members; a token that is not the current one; a marker that is none of ours.
pub async fn get_durable_execution_state(
    context: &Context,
    caller: &Caller,
    input: shapes::GetDurableExecutionStateRequest,
    violations: Vec<Violation>,
) -> Result<shapes::GetDurableExecutionStateResponse, Error> {
    valid(violations)?;
    let arn = input.durable_execution_arn.as_deref();
    let (entry, token, invocation) =
        find_with_token(context, caller, arn, input.checkpoint_token.as_deref())?;
    let from = match input.marker.as_deref().filter(|marker| !marker.is_empty()) {
        Some(marker) => marker.parse::<usize>().map_err(|_| invalid(marker))?,
        None => 0,
    };
    let asked = input.max_items.and_then(|items| usize::try_from(items).ok()).filter(|items| *items > 0);
    let size = asked.unwrap_or(PAGE.0).min(PAGE.1);
    entry.look(|execution| {
        if !execution.is_current(token, &invocation) {
            return Err(invalid_token());
        }
        let (operations, next) = execution.page(from, size);
        Ok(shapes::GetDurableExecutionStateResponse {
            operations: Some(operations.iter().map(show::operation).collect()),
            next_marker: next.map(|next| next.to_string()),
        })
    })
}
