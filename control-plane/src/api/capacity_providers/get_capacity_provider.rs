use super::{found, show};
use crate::api::{Caller, Context, Error, valid};
use crate::wire::{Violation, shapes};

/// GetCapacityProvider.
///
/// # Errors
/// Violations of the model; a provider that is missing.
pub async fn get_capacity_provider(
    context: &Context,
    caller: &Caller,
    input: shapes::GetCapacityProviderRequest,
    violations: Vec<Violation>,
) -> Result<shapes::GetCapacityProviderResponse, Error> {
    valid(violations)?;
    let (scope, name) = (caller.scope.clone(), input.capacity_provider_name.unwrap_or_default());
    let provider = context.store.transact(move |resources| found(resources, &scope, &name)).await?;
    Ok(shapes::GetCapacityProviderResponse { capacity_provider: Some(show::provider(provider)) })
}
