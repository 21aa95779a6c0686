use lambdock_domain::code_signing::FunctionCodeSigning;

use super::find;
use crate::api::page::Page;
use crate::api::{Caller, Context, Error};
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
    if !violations.is_empty() {
        return Err(Error::Validation(violations));
    }
    let page = Page::read(input.marker.as_deref(), input.max_items)?;
    let (scope, arn) = (caller.scope.clone(), input.code_signing_config_arn.unwrap_or_default());
    let functions = context
        .store
        .transact(move |resources| {
            let config = find::found(resources, &scope, &arn)?;
            Ok::<_, Error>(resources.attached_by::<FunctionCodeSigning>(&config.arn())?)
        })
        .await?;
    let (functions, next_marker) = page.part(functions, |function| function.function.name.clone());
    let arns = functions.into_iter().map(|function| function.function.arn()).collect();
    Ok(shapes::ListFunctionsByCodeSigningConfigResponse { next_marker, function_arns: Some(arns) })
}
