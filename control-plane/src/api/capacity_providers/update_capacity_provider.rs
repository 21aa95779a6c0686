use super::{found, read, show};
use crate::api::{Caller, Context, Error, now, valid};
use crate::wire::{Violation, shapes};

/// UpdateCapacityProvider: changes how it scales.
///
/// # Errors
/// Violations of the model; a provider that is missing, not Active, or could not scale so.
pub async fn update_capacity_provider(
    context: &Context,
    caller: &Caller,
    input: shapes::UpdateCapacityProviderRequest,
    violations: Vec<Violation>,
) -> Result<shapes::UpdateCapacityProviderResponse, Error> {
    valid(violations)?;
    let (scope, name) = (caller.scope.clone(), input.capacity_provider_name.unwrap_or_default());
    let scaling = read::scaling(input.capacity_provider_scaling_config);
    let provider = context
        .store
        .transact(move |resources| {
            let mut provider = found(resources, &scope, &name)?;
            provider.update(scaling, now())?;
            resources.put_capacity_provider(&provider)?;
            Ok::<_, Error>(provider)
        })
        .await?;
    Ok(shapes::UpdateCapacityProviderResponse { capacity_provider: Some(show::provider(provider)) })
}
