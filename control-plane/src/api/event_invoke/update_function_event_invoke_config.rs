use super::configure::{configure, settings};
use super::show;
use crate::api::functions::named;
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error, now, qualified};
use crate::wire::{Violation, shapes};

/// UpdateFunctionEventInvokeConfig: changes what is given and leaves the rest.
///
/// # Errors
/// AWS's for names; nothing to set; a function, a destination or a configuration that is missing.
pub async fn update_function_event_invoke_config(
    context: &Context,
    caller: &Caller,
    input: shapes::UpdateFunctionEventInvokeConfigRequest,
    violations: Vec<Violation>,
) -> Result<shapes::FunctionEventInvokeConfig, Error> {
    let (name, qualifier) = (input.function_name.as_deref(), input.qualifier.as_deref());
    let named = named(caller, Reach::AnyAccount, name, qualifier, violations)?;
    let settings =
        settings(input.maximum_retry_attempts, input.maximum_event_age_in_seconds, input.destination_config);
    let missing = show::missing(&named.id, qualified::key(&named));
    configure(context, named, settings, |settings, before| Ok(settings.update(before.ok_or(missing)?, now())))
        .await
}
