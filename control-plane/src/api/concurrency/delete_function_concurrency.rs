use lambdock_domain::concurrency::Reserved;

use super::whole_function::whole_function;
use crate::api::{Caller, Context, Error, qualified};
use crate::invoke::LATEST;
use crate::wire::{Violation, shapes};

/// DeleteFunctionConcurrency: the function shares with all others again.
///
/// # Errors
/// AWS's for names; a function that is missing.
pub async fn delete_function_concurrency(
    context: &Context,
    caller: &Caller,
    input: shapes::DeleteFunctionConcurrencyRequest,
    violations: Vec<Violation>,
) -> Result<(), Error> {
    let named = whole_function(caller, input.function_name.as_deref(), violations)?;
    context
        .store
        .transact(move |resources| {
            let function = qualified::function(resources, &named)?;
            resources.detach::<Reserved>(&function.id, LATEST)?;
            Ok::<_, Error>(())
        })
        .await
}
