use lambdock_domain::code_signing::FunctionCodeSigning;
use lambdock_domain::{Error as DomainError, PackageType};

use super::find::{self, not_for_images};
use crate::api::functions::named;
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error, qualified};
use crate::invoke::LATEST;
use crate::wire::{Violation, shapes};

/// PutFunctionCodeSigningConfig.
///
/// # Errors
/// AWS's for names; a configuration that is missing, which is told first [AWS: recorded]; a function that is missing.
pub async fn put_function_code_signing_config(
    context: &Context,
    caller: &Caller,
    input: shapes::PutFunctionCodeSigningConfigRequest,
    violations: Vec<Violation>,
) -> Result<shapes::PutFunctionCodeSigningConfigResponse, Error> {
    let named = named(caller, Reach::OwnAccount, input.function_name.as_deref(), None, violations)?;
    let (scope, arn) = (caller.scope.clone(), input.code_signing_config_arn.unwrap_or_default());
    let (name, attached) = context
        .store
        .transact(move |resources| {
            let config = find::find(resources, &scope, &arn)?;
            let config = config.ok_or(DomainError::CodeSigningConfigNotFound(arn))?;
            let function = qualified::function(resources, &named)?;
            if function.latest.configuration.package_type == PackageType::Image {
                return Err(not_for_images().into());
            }
            let attached = config.arn();
            resources.attach(&function.id, LATEST, &FunctionCodeSigning(attached.clone()))?;
            Ok::<_, Error>((function.id.name, attached))
        })
        .await?;
    Ok(shapes::PutFunctionCodeSigningConfigResponse {
        code_signing_config_arn: Some(attached),
        function_name: Some(name),
    })
}
