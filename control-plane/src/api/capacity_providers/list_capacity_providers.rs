use lambdock_domain::CapacityProvider;

use super::show;
use crate::api::page::Page;
use crate::api::{Caller, Context, Error};
use crate::wire::{Violation, shapes};

/// ListCapacityProviders: by name, those in one state or all.
///
/// # Errors
/// Violations of the model; a marker that is none of ours.
pub async fn list_capacity_providers(
    context: &Context,
    caller: &Caller,
    input: shapes::ListCapacityProvidersRequest,
    violations: Vec<Violation>,
) -> Result<shapes::ListCapacityProvidersResponse, Error> {
    if !violations.is_empty() {
        return Err(Error::Validation(violations));
    }
    let page = Page::read(input.marker.as_deref(), input.max_items)?;
    let scope = caller.scope.clone();
    let mut providers = context
        .store
        .transact(move |resources| Ok::<_, Error>(resources.capacity_providers(&scope)?))
        .await?;
    if let Some(state) = input.state {
        providers.retain(|provider| provider.state.as_str() == state);
    }
    let (providers, next_marker) = page.part(providers, |provider: &CapacityProvider| provider.name.clone());
    let shown = providers.into_iter().map(show::provider).collect();
    Ok(shapes::ListCapacityProvidersResponse { capacity_providers: Some(shown), next_marker })
}
