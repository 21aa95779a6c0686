use lambdock_domain::CapacityProvider;

use super::show;
use crate::api::page::Page;
use crate::api::{Caller, Context, Error, valid};
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
    valid(violations)?;
    let page = Page::read(input.marker.as_deref(), input.max_items)?;
    let scope = caller.scope.clone();
    let (after, limit) = (page.after.clone().unwrap_or_default(), page.look_for());
    let providers = context
        .store
        .transact(move |resources| {
            let wanted = |provider: &CapacityProvider| {
                input.state.as_ref().is_none_or(|state| provider.state.as_str() == state)
            };
            Ok::<_, Error>(resources.capacity_providers(&scope, &after, limit, wanted)?)
        })
        .await?;
    let (providers, next_marker) = page.cut(providers, |provider: &CapacityProvider| provider.name.clone());
    let shown = providers.into_iter().map(show::provider).collect();
    Ok(shapes::ListCapacityProvidersResponse { capacity_providers: Some(shown), next_marker })
}
