use lambdock_domain::Error as DomainError;
use lambdock_domain::function_url::FunctionUrl;

use crate::api::functions::named;
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error, qualified};
use crate::wire::{Violation, shapes};

/// DeleteFunctionUrlConfig: the function's own URL or an alias's, never both. [AWS: recorded]
///
/// # Errors
/// AWS's for names; a URL that is missing, in the same words if the function is. [AWS: recorded]
pub async fn delete_function_url_config(
    context: &Context,
    caller: &Caller,
    input: shapes::DeleteFunctionUrlConfigRequest,
    violations: Vec<Violation>,
) -> Result<(), Error> {
    let (name, qualifier) = (input.function_name.as_deref(), input.qualifier.as_deref());
    let named = named(caller, Reach::OwnAccount, name, qualifier, violations)?;
    context
        .store
        .transact(move |resources| {
            if resources.detach::<FunctionUrl>(&named.id, qualified::key(&named))? {
                Ok(())
            } else {
                Err(Error::from(DomainError::resource_not_found()))
            }
        })
        .await
}
