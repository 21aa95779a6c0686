use lambdock_domain::code_signing::FunctionCodeSigning;

use super::find;
use crate::api::page::Page;
use crate::api::{Caller, Context, Error, valid};
use crate::invoke::LATEST;
use crate::wire::{Violation, shapes};

/// ListFunctionsByCodeSigningConfig: ARNs of the functions that have it.
///
/// # Errors
/// Violations of the model; a configuration that is missing; a marker that is none of ours.
pub async fn list_functions_by_code_signing_config(
    context: &Context,
    caller: &Caller,
    input: shapes::ListFunctionsByCodeSigningConfigRequest,
    violations: Vec<Violation>,
) -> Result<shapes::ListFunctionsByCodeSigningConfigResponse, Error> {
    valid(violations)?;
    let page = Page::read(input.marker.as_deref(), input.max_items)?;
    let (scope, arn) = (caller.scope.clone(), input.code_signing_config_arn.unwrap_or_default());
    let (after, limit) = (page.after.clone(), page.look_for());
    let functions = context
        .store
        .transact(move |resources| {
            let config = find::found(resources, &scope, &arn)?;
            let after = after.as_deref().map_or(("", ""), |function| (function, LATEST));
            let (arn, scope) = (config.arn(), &config.scope);
            Ok::<_, Error>(resources.attached_by_after::<FunctionCodeSigning>(&arn, scope, after, limit)?)
        })
        .await?;
    let (functions, next_marker) = page.cut(functions, |function| function.function.name.clone());
    let arns = functions.into_iter().map(|function| function.function.arn()).collect();
    Ok(shapes::ListFunctionsByCodeSigningConfigResponse { next_marker, function_arns: Some(arns) })
}
