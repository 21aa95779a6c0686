use lambdock_domain::concurrency::Reserved;

use super::whole_function::whole_function;
use crate::api::{Caller, Context, Error, qualified};
use crate::invoke::LATEST;
use crate::wire::{Violation, shapes};

/// GetFunctionConcurrency: what the function has reserved, if it has.
///
/// # Errors
/// AWS's for names; a function that is missing.
pub async fn get_function_concurrency(
    context: &Context,
    caller: &Caller,
    input: shapes::GetFunctionConcurrencyRequest,
    violations: Vec<Violation>,
) -> Result<shapes::GetFunctionConcurrencyResponse, Error> {
    let named = whole_function(caller, input.function_name.as_deref(), violations)?;
    let reserved = context
        .store
        .transact(move |resources| {
            let function = qualified::function(resources, &named)?;
            Ok::<_, Error>(resources.attached::<Reserved>(&function.id, LATEST)?)
        })
        .await?;
    Ok(shapes::GetFunctionConcurrencyResponse {
        reserved_concurrent_executions: reserved.map(|Reserved(reserved)| reserved.into()),
    })
}
