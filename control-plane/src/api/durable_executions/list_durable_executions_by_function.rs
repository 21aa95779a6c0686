use lambdock_domain::Timestamp;
use lambdock_domain::durable::Head;

use super::show;
use crate::api::functions::named;
use crate::api::page::{self, Page};
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error, qualified};
use crate::durable::Place;
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
    let after = match (&page.after, &input.marker) {
        (Some(key), Some(marker)) => Some(place(key).ok_or_else(|| page::invalid(marker))?),
        _ => None,
    };
    let entries = if input.reverse_order == Some(true) {
        context.executions.of_reversed(&named.id, after.as_ref())
    } else {
        context.executions.of(&named.id, after.as_ref())
    };
    let found = entries.iter().filter_map(|entry| {
        let shown = entry.look(|execution| {
            let head = execution.head();
            is_asked_for(head).then(|| show::execution(head))
        });
        shown.map(|shown| (entry.place(), shown))
    });
    let found = found.take(page.look_for()).collect();
    let (found, next_marker) = page.cut(found, |(place, _)| key(place));
    Ok(shapes::ListDurableExecutionsByFunctionResponse {
        durable_executions: Some(found.into_iter().map(|(_, execution)| execution).collect()),
        next_marker,
    })
}

/// A place in a marker, which stays right whatever begins or is forgotten meanwhile.
fn key((started, arn): &Place) -> String {
    format!("{}{SEPARATOR}{arn}", started.0)
}

fn place(key: &str) -> Option<Place> {
    let (started, arn) = key.split_once(SEPARATOR)?;
    Some((Timestamp(started.parse().ok()?), arn.to_owned()))
}

/// Between time and ARN in a marker; no time has it.
const SEPARATOR: char = ':';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written() {
        let one = (Timestamp(17), "arn:aws:lambda:us-east-1:000000000000:function:f".to_owned());
        assert_eq!(place(&key(&one)), Some(one));
        assert_eq!((place("17"), place("x:arn")), (None, None));
    }
}
