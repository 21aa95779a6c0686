use lambdock_domain::PackageType;
use lambdock_domain::code_signing::FunctionCodeSigning;

use super::find::not_for_images;
use crate::api::functions::named;
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error, qualified};
use crate::invoke::LATEST;
use crate::wire::{Violation, shapes};

/// GetFunctionCodeSigningConfig: nothing at all for a function that has none. [AWS: recorded]
///
/// # Errors
/// AWS's for names; a function that is missing, or an image.
pub async fn get_function_code_signing_config(
    context: &Context,
    caller: &Caller,
    input: shapes::GetFunctionCodeSigningConfigRequest,
    violations: Vec<Violation>,
) -> Result<shapes::GetFunctionCodeSigningConfigResponse, Error> {
    let named = named(caller, Reach::OwnAccount, input.function_name.as_deref(), None, violations)?;
    let name = named.id.name.clone();
    let attached = context
        .store
        .transact(move |resources| {
            let function = qualified::function(resources, &named)?;
            if function.latest.configuration.package_type == PackageType::Image {
                return Err(not_for_images().into());
            }
            Ok::<_, Error>(resources.attached::<FunctionCodeSigning>(&function.id, LATEST)?)
        })
        .await?;
    Ok(attached.map_or_else(Default::default, |FunctionCodeSigning(arn)| {
        shapes::GetFunctionCodeSigningConfigResponse {
            code_signing_config_arn: Some(arn),
            function_name: Some(name),
        }
    }))
}
