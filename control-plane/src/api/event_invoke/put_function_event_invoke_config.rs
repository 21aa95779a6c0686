use super::configure::{configure, settings};
use crate::api::functions::named;
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error, now};
use crate::wire::{Violation, shapes};

/// PutFunctionEventInvokeConfig: replaces the whole configuration.
///
/// # Errors
/// AWS's for names; nothing to set; a function or a destination that is missing.
pub async fn put_function_event_invoke_config(
    context: &Context,
    caller: &Caller,
    input: shapes::PutFunctionEventInvokeConfigRequest,
    violations: Vec<Violation>,
) -> Result<shapes::FunctionEventInvokeConfig, Error> {
    let (name, qualifier) = (input.function_name.as_deref(), input.qualifier.as_deref());
    let named = named(caller, Reach::AnyAccount, name, qualifier, violations)?;
    let settings =
        settings(input.maximum_retry_attempts, input.maximum_event_age_in_seconds, input.destination_config);
    configure(context, named, settings, |settings, _| Ok(settings.put(now()))).await
}
