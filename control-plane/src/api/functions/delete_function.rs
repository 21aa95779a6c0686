use lambdock_domain::{Error as DomainError, Qualifier};

use super::named;
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error};
use crate::wire::{Violation, shapes};

/// DeleteFunction: the function is gone when it answers; its environments end as they become free.
///
/// # Errors
/// AWS's for names and qualifiers; not found.
pub async fn delete_function(
    context: &Context,
    caller: &Caller,
    input: shapes::DeleteFunctionRequest,
    violations: Vec<Violation>,
) -> Result<shapes::DeleteFunctionResponse, Error> {
    let (name, qualifier) = (input.function_name.as_deref(), input.qualifier.as_deref());
    let named = named(caller, Reach::AnyAccount, name, qualifier, violations)?;
    let deleted = shapes::DeleteFunctionResponse { status_code: Some(204) };
    // [AWS: recorded] A qualifier is never part of the message.
    let not_found = || Error::from(DomainError::function_not_found(&named.id.arn()));
    if named.qualifier.is_some() {
        match named.kind() {
            Qualifier::Latest => {
                let message = "$LATEST version cannot be deleted without deleting the function.";
                return Err(DomainError::InvalidParameter(message.to_owned()).into());
            }
            Qualifier::Alias(_) => {
                let message = "Deletion of aliases is not currently supported.";
                return Err(DomainError::InvalidParameter(message.to_owned()).into());
            }
            Qualifier::Number(_) => {
                // No function has published versions, and deleting one that does not exist succeeds.
                return context.store.function(&named.id).await?.map(|_| deleted).ok_or_else(not_found);
            }
            Qualifier::LatestPublished | Qualifier::Nothing(_) => return Err(not_found()),
        }
    }
    let function = context.store.delete_function(&named.id).await?.ok_or_else(not_found)?;
    context.activation.deleted(&function).await;
    Ok(deleted)
}
