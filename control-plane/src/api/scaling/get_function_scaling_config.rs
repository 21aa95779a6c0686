use lambdock_domain::capacity_provider::FunctionScaling;

use super::{scalable, show};
use crate::api::functions::named;
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error, qualified};
use crate::wire::{Violation, shapes};

/// GetFunctionScalingConfig: what was asked for is applied at once; nothing of it is shown before.
///
/// # Errors
/// AWS's for names; a function or version that is missing; one that runs on no capacity provider.
pub async fn get_function_scaling_config(
    context: &Context,
    caller: &Caller,
    input: shapes::GetFunctionScalingConfigRequest,
    violations: Vec<Violation>,
) -> Result<shapes::GetFunctionScalingConfigResponse, Error> {
    let (name, qualifier) = (input.function_name.as_deref(), input.qualifier.as_deref());
    let named = named(caller, Reach::OwnAccount, name, qualifier, violations)?;
    let arn = named.arn();
    let scaling: Option<FunctionScaling> = context
        .store
        .transact(move |resources| {
            scalable(resources, &named)?;
            Ok::<_, Error>(resources.attached(&named.id, qualified::key(&named))?)
        })
        .await?;
    Ok(shapes::GetFunctionScalingConfigResponse {
        function_arn: Some(arn),
        applied_function_scaling_config: scaling.as_ref().map(show),
        requested_function_scaling_config: scaling.as_ref().map(show),
    })
}
