use super::show;
use crate::api::functions::named;
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error, qualified};
use crate::wire::{Violation, shapes};

/// GetFunctionEventInvokeConfig.
///
/// # Errors
/// AWS's for names; a configuration that is missing, in the same words if the function is. [AWS: recorded]
pub async fn get_function_event_invoke_config(
    context: &Context,
    caller: &Caller,
    input: shapes::GetFunctionEventInvokeConfigRequest,
    violations: Vec<Violation>,
) -> Result<shapes::FunctionEventInvokeConfig, Error> {
    let (name, qualifier) = (input.function_name.as_deref(), input.qualifier.as_deref());
    let named = named(caller, Reach::AnyAccount, name, qualifier, violations)?;
    context
        .store
        .transact(move |resources| {
            let qualifier = qualified::key(&named);
            let config = resources.attached(&named.id, qualifier)?;
            let config = config.ok_or_else(|| show::missing(&named.id, qualifier))?;
            Ok(show::config(&named.id, qualifier, config))
        })
        .await
}
