use super::{find, show};
use crate::api::page::invalid;
use crate::api::{Caller, Context, Error, valid};
use crate::wire::{Violation, shapes};

/// Events of a page, unless the request says, and at most. [AWS: ItemCount]
const PAGE: (usize, usize) = (100, 1000);

/// GetDurableExecutionHistory.
///
/// # Errors
/// AWS's for members; an execution that is missing; a marker that is none of ours.
pub async fn get_durable_execution_history(
    context: &Context,
    caller: &Caller,
    input: shapes::GetDurableExecutionHistoryRequest,
    violations: Vec<Violation>,
) -> Result<shapes::GetDurableExecutionHistoryResponse, Error> {
    valid(violations)?;
    let entry = find(context, caller, input.durable_execution_arn.as_deref())?;
    // The place of the first event of the page: events are added at the end only.
    let from = input.marker.as_deref().map(|marker| marker.parse::<usize>().map_err(|_| invalid(marker)));
    let from = from.transpose()?;
    let asked = input.max_items.and_then(|items| usize::try_from(items).ok()).filter(|items| *items > 0);
    let size = asked.unwrap_or(PAGE.0).min(PAGE.1);
    let data =
        if input.include_execution_data == Some(true) { show::Data::Shown } else { show::Data::LeftOut };
    let is_reversed = input.reverse_order == Some(true);
    Ok(entry.look(|execution| {
        let events = execution.events();
        let places: Vec<usize> = if is_reversed {
            (0..from.map_or(events.len(), |from| events.len().min(from.saturating_add(1)))).rev().collect()
        } else {
            (from.unwrap_or(0)..events.len()).collect()
        };
        let child = |operation: &str| {
            let found = execution.operations().iter().find(|found| found.id == operation);
            found.and_then(|found| found.chained.as_ref()?.child.clone())
        };
        let shown = places.iter().take(size).filter_map(|&place| {
            let event = events.get(place)?;
            let child = event.operation.as_ref().and_then(|operation| child(&operation.id));
            Some(show::event(place, event, child, data))
        });
        shapes::GetDurableExecutionHistoryResponse {
            events: Some(shown.collect()),
            next_marker: places.get(size).map(ToString::to_string),
        }
    }))
}
