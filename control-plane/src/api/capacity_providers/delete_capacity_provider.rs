use super::{found, show};
use crate::api::{Caller, Context, Error, now, valid};
use crate::wire::{Violation, shapes};

/// DeleteCapacityProvider. The provider is Deleting until its transition is over, then it is gone.
///
/// # Errors
/// Violations of the model; a provider that is missing, not Active, or used by functions.
pub async fn delete_capacity_provider(
    context: &Context,
    caller: &Caller,
    input: shapes::DeleteCapacityProviderRequest,
    violations: Vec<Violation>,
) -> Result<shapes::DeleteCapacityProviderResponse, Error> {
    valid(violations)?;
    let (scope, name) = (caller.scope.clone(), input.capacity_provider_name.unwrap_or_default());
    let provider = context
        .store
        .transact(move |resources| {
            let mut provider = found(resources, &scope, &name)?;
            if !resources.versions_on(&provider, None, 1)?.is_empty() {
                return Err(provider.in_use().into());
            }
            provider.delete(now())?;
            resources.put_capacity_provider(&provider)?;
            Ok::<_, Error>(provider)
        })
        .await?;
    context.transitions.capacity_provider(&provider);
    Ok(shapes::DeleteCapacityProviderResponse { capacity_provider: Some(show::provider(provider)) })
}
