use lambdock_domain::durable::Head;

use super::show;
use crate::api::functions::named;
use crate::api::page::Page;
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error, qualified};
use crate::wire::{Violation, shapes};

/// Executions of a page, unless the request says, and at most. [AWS: ItemCount]
const PAGE: (i64, usize) = (100, 1000);

/// ListDurableExecutionsByFunction.
///
/// # Errors
/// AWS's for names; a function that is missing; a marker that is none of ours.
pub async fn list_durable_executions_by_function(
    context: &Context,
    caller: &Caller,
    input: shapes::ListDurableExecutionsByFunctionRequest,
    violations: Vec<Violation>,
) -> Result<shapes::ListDurableExecutionsByFunctionResponse, Error> {
    let (name, qualifier) = (input.function_name.as_deref(), input.qualifier.as_deref());
    let named = named(caller, Reach::OwnAccount, name, qualifier, violations)?;
    let asked = input.max_items.filter(|items| *items > 0).unwrap_or(PAGE.0);
    let page = Page::read_at_most(PAGE.1, input.marker.as_deref(), Some(asked))?;
    // Executions are a version's: that which an alias means now.
    let wanted = named.clone();
    let runs = context
        .store
        .transact(move |resources| Ok::<_, Error>(qualified::found(resources, &wanted)?.runs))
        .await?;
    let version = named.qualifier.is_some().then(|| runs.to_string());
    let statuses = input.statuses.unwrap_or_default();
    let is_asked_for = |head: &Head| {
        let started = show::seconds(head.started);
        version.as_ref().is_none_or(|version| head.version == *version)
            && input.durable_execution_name.as_ref().is_none_or(|name| head.name == *name)
            && (statuses.is_empty() || statuses.iter().any(|status| head.outcome().as_str() == status))
            && input.started_after.is_none_or(|after| started > after)
            && input.started_before.is_none_or(|before| started < before)
    };
    let entries = context.executions.of(&named.id);
    let mut found: Vec<_> = entries
        .iter()
        .enumerate()
        .filter_map(|(at, entry)| {
            entry.look(|execution| {
                let head = execution.head();
                is_asked_for(head)
                    .then(|| (key(at, entries.len(), input.reverse_order), show::execution(head)))
            })
        })
        .collect();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    let (found, next_marker) = page.part(found, |(key, _)| key.clone());
    Ok(shapes::ListDurableExecutionsByFunctionResponse {
        durable_executions: Some(found.into_iter().map(|(_, execution)| execution).collect()),
        next_marker,
    })
}

/// What the list is sorted by.
fn key(at: usize, all: usize, reverse: Option<bool>) -> String {
    let place = if reverse == Some(true) { all - at } else { at };
    format!("{place:012}")
}
