use lambdock_domain::Error as DomainError;
use lambdock_domain::concurrency::Reserved;

use super::budget::budget;
use super::whole_function::whole_function;
use crate::api::{Caller, Context, Error};
use crate::invoke::LATEST;
use crate::wire::{Violation, shapes};

/// PutFunctionConcurrency: executions at the same time that are the function's, and all it gets; 0 stops it.
///
/// # Errors
/// AWS's for names; a function that is missing, called `$LATEST` [AWS: recorded]; too much or too little.
pub async fn put_function_concurrency(
    context: &Context,
    caller: &Caller,
    input: shapes::PutFunctionConcurrencyRequest,
    violations: Vec<Violation>,
) -> Result<shapes::Concurrency, Error> {
    let named = whole_function(caller, input.function_name.as_deref(), violations)?;
    let limits = context.rules.get().limits.clone();
    let asked = input.reserved_concurrent_executions.unwrap_or_default();
    // More than an account can have is refused below for what it is.
    let reserved = u32::try_from(asked).unwrap_or(u32::MAX);
    context
        .store
        .transact(move |resources| {
            if resources.function(&named.id)?.is_none() {
                return Err(DomainError::function_not_found(&named.id.qualified_arn(LATEST)).into());
            }
            budget(resources, &named.id.scope, &limits)?.check_reserved(&named.id, reserved)?;
            resources.attach(&named.id, LATEST, &Reserved(reserved))?;
            Ok::<_, Error>(())
        })
        .await?;
    Ok(shapes::Concurrency { reserved_concurrent_executions: Some(reserved.into()) })
}
