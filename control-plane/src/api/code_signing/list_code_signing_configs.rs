use super::show;
use crate::api::page::{self, Page};
use crate::api::{Caller, Context, Error, valid};
use crate::wire::{Violation, shapes};

/// ListCodeSigningConfigs: in the order of their creation.
///
/// # Errors
/// Violations of the model; a marker that is none of ours.
pub async fn list_code_signing_configs(
    context: &Context,
    caller: &Caller,
    input: shapes::ListCodeSigningConfigsRequest,
    violations: Vec<Violation>,
) -> Result<shapes::ListCodeSigningConfigsResponse, Error> {
    valid(violations)?;
    let page = Page::read(input.marker.as_deref(), input.max_items)?;
    let after = page.after.as_deref().map(str::parse).transpose();
    let after = after.map_err(|_| page::invalid(input.marker.as_deref().unwrap_or_default()))?;
    let (scope, limit) = (caller.scope.clone(), page.look_for());
    let configs = context
        .store
        .transact(move |resources| {
            Ok::<_, Error>(resources.code_signing_configs(&scope, after.unwrap_or_default(), limit)?)
        })
        .await?;
    let (configs, next_marker) = page.cut(configs, |(number, _)| number.to_string());
    let shown = configs.into_iter().map(|(_, config)| show::config(config)).collect();
    Ok(shapes::ListCodeSigningConfigsResponse { next_marker, code_signing_configs: Some(shown) })
}
