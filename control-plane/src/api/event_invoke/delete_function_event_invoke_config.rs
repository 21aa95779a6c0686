use lambdock_domain::event_invoke::EventInvokeConfig;

use super::show;
use crate::api::functions::named;
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error, qualified};
use crate::wire::{Violation, shapes};

/// DeleteFunctionEventInvokeConfig.
///
/// # Errors
/// AWS's for names; a configuration that is missing, in the same words if the function is. [AWS: recorded]
pub async fn delete_function_event_invoke_config(
    context: &Context,
    caller: &Caller,
    input: shapes::DeleteFunctionEventInvokeConfigRequest,
    violations: Vec<Violation>,
) -> Result<(), Error> {
    let (name, qualifier) = (input.function_name.as_deref(), input.qualifier.as_deref());
    let named = named(caller, Reach::AnyAccount, name, qualifier, violations)?;
    context
        .store
        .transact(move |resources| {
            let qualifier = qualified::key(&named);
            if resources.detach::<EventInvokeConfig>(&named.id, qualifier)? {
                Ok(())
            } else {
                Err(show::missing(&named.id, qualifier).into())
            }
        })
        .await
}
