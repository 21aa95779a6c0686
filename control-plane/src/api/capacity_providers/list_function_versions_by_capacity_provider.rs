use lambdock_domain::alias::Target;

use super::found;
use crate::api::page::{self, Page};
use crate::api::{Caller, Context, Error, valid};
use crate::store::{self, Attached, FunctionView, OnProvider};
use crate::wire::{Violation, shapes};

/// ListFunctionVersionsByCapacityProvider: by function and version, `$LATEST` as well.
///
/// # Errors
/// Violations of the model; a provider that is missing; a marker that is none of ours.
pub async fn list_function_versions_by_capacity_provider(
    context: &Context,
    caller: &Caller,
    input: shapes::ListFunctionVersionsByCapacityProviderRequest,
    violations: Vec<Violation>,
) -> Result<shapes::ListFunctionVersionsByCapacityProviderResponse, Error> {
    valid(violations)?;
    let page = Page::read(input.marker.as_deref(), input.max_items)?;
    let after = match (&page.after, &input.marker) {
        (Some(key), Some(marker)) => {
            let (function, version) = key.split_once(SEPARATOR).ok_or_else(|| page::invalid(marker))?;
            Some((function.to_owned(), version.to_owned()))
        }
        _ => None,
    };
    let limit = page.look_for();
    let (scope, name) = (caller.scope.clone(), input.capacity_provider_name.unwrap_or_default());
    let (provider, versions) = context
        .store
        .transact(move |resources| {
            let provider = found(resources, &scope, &name)?;
            let after = after.as_ref().map(|(function, version)| (function.as_str(), version.as_str()));
            let versions = resources.versions_on(&provider, after, limit)?;
            let versions = versions.into_iter().map(|on| {
                let state = state(&resources.view(&on.function), &on.qualifier)?;
                Ok((on, state))
            });
            Ok::<_, Error>((provider, versions.collect::<Result<Vec<_>, store::Error>>()?))
        })
        .await?;
    let (versions, next_marker) = page.cut(versions, |(on, _)| key(on));
    let shown = versions.into_iter().map(|(on, state)| shapes::FunctionVersionsByCapacityProviderListItem {
        function_arn: Some(on.function.qualified_arn(&on.qualifier)),
        state,
    });
    Ok(shapes::ListFunctionVersionsByCapacityProviderResponse {
        capacity_provider_arn: Some(provider.arn()),
        function_versions: Some(shown.collect()),
        next_marker,
    })
}

/// `State` of a version. What names a provider exists.
fn state(view: &FunctionView<'_>, version: &str) -> Result<Option<String>, store::Error> {
    let state = match Target::listed(version).and_then(Target::published) {
        Some(name) => view.version(name)?.map(|version| version.version.state),
        None => view.function()?.map(|function| function.latest.state),
    };
    Ok(state.map(|state| state.as_str().to_owned()))
}

/// Between function and version in a marker; neither has it.
const SEPARATOR: char = ':';

fn key(on: &Attached<OnProvider>) -> String {
    format!("{}{SEPARATOR}{}", on.function.name, on.qualifier)
}
