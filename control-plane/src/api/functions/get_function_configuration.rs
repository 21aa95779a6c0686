use super::{found, named, show};
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error};
use crate::wire::{Violation, shapes};

/// GetFunctionConfiguration.
///
/// # Errors
/// AWS's for names; not found.
pub async fn get_function_configuration(
    context: &Context,
    caller: &Caller,
    input: shapes::GetFunctionConfigurationRequest,
    violations: Vec<Violation>,
) -> Result<shapes::FunctionConfiguration, Error> {
    let (name, qualifier) = (input.function_name.as_deref(), input.qualifier.as_deref());
    let named = named(caller, Reach::AnyAccount, name, qualifier, violations)?;
    let found = found(context, &named).await?;
    Ok(show::configuration(found.subject(), named.arn(), show::Detail::Full))
}
