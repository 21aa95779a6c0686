use super::{find, show};
use crate::api::page::{self, Page};
use crate::api::{Caller, Context, Error, valid};
use crate::store::MappingFilter;
use crate::wire::{Violation, shapes};

/// Mappings of a page. [AWS: ListEventSourceMappings]
const LARGEST_PAGE: usize = 100;

/// ListEventSourceMappings: in the order of their creation, those of a function as it is named, of a source, or all.
/// Neither needs to exist. [AWS: recorded]
///
/// # Errors
/// Violations of the model; a function of another account or region; a marker that is none of ours.
pub async fn list_event_source_mappings(
    context: &Context,
    caller: &Caller,
    input: shapes::ListEventSourceMappingsRequest,
    violations: Vec<Violation>,
) -> Result<shapes::ListEventSourceMappingsResponse, Error> {
    valid(violations)?;
    let function = match input.function_name.as_deref() {
        Some(name) => Some(find::target(caller, Some(name), Vec::new())?.1.arn()),
        None => None,
    };
    let filter = MappingFilter { function, source: input.event_source_arn };
    let page = Page::read_at_most(LARGEST_PAGE, input.marker.as_deref(), input.max_items)?;
    let after = page.after.as_deref().map(str::parse).transpose();
    let after = after.map_err(|_| page::invalid(input.marker.as_deref().unwrap_or_default()))?;
    let (scope, limit) = (caller.scope.clone(), page.look_for());
    let mappings = context
        .store
        .transact(move |resources| {
            Ok::<_, Error>(resources.event_source_mappings(
                &scope,
                &filter,
                after.unwrap_or_default(),
                limit,
            )?)
        })
        .await?;
    let (mappings, next_marker) = page.cut(mappings, |(number, _)| number.to_string());
    let shown = mappings.into_iter().map(|(_, mapping)| show::listed(mapping)).collect();
    Ok(shapes::ListEventSourceMappingsResponse { next_marker, event_source_mappings: Some(shown) })
}
