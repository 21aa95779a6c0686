use super::refuse::refuse;
use crate::api::functions::named;
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error};
use crate::wire::{Violation, shapes};

/// GetFunctionScalingConfig: for versions that run on a capacity provider.
///
/// # Errors
/// AWS's for names; a function or version that is missing; one that runs on no capacity provider, as all do here.
pub async fn get_function_scaling_config(
    context: &Context,
    caller: &Caller,
    input: shapes::GetFunctionScalingConfigRequest,
    violations: Vec<Violation>,
) -> Result<shapes::GetFunctionScalingConfigResponse, Error> {
    let (name, qualifier) = (input.function_name.as_deref(), input.qualifier.as_deref());
    let named = named(caller, Reach::OwnAccount, name, qualifier, violations)?;
    Err(refuse(context, named).await)
}
