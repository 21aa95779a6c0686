use super::found;
use crate::api::page::Page;
use crate::api::{Caller, Context, Error};
use crate::wire::{Violation, shapes};

/// ListFunctionVersionsByCapacityProvider. Functions run in containers of the engine, never on a provider, so there are
/// none.
///
/// # Errors
/// Violations of the model; a provider that is missing; a marker that is none of ours.
pub async fn list_function_versions_by_capacity_provider(
    context: &Context,
    caller: &Caller,
    input: shapes::ListFunctionVersionsByCapacityProviderRequest,
    violations: Vec<Violation>,
) -> Result<shapes::ListFunctionVersionsByCapacityProviderResponse, Error> {
    if !violations.is_empty() {
        return Err(Error::Validation(violations));
    }
    Page::read(input.marker.as_deref(), input.max_items)?;
    let (scope, name) = (caller.scope.clone(), input.capacity_provider_name.unwrap_or_default());
    let provider = context.store.transact(move |resources| found(resources, &scope, &name)).await?;
    Ok(shapes::ListFunctionVersionsByCapacityProviderResponse {
        capacity_provider_arn: Some(provider.arn()),
        function_versions: Some(Vec::new()),
        next_marker: None,
    })
}
