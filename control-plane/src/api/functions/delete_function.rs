use lambdock_domain::{Error as DomainError, Qualifier};

use super::{changed, named};
use crate::api::resolve::{Named, Reach};
use crate::api::{Caller, Context, Error};
use crate::wire::{Violation, shapes};

/// DeleteFunction: the function, or one published version, is gone when it answers; its environments end as they
/// become free.
///
/// # Errors
/// AWS's for names and qualifiers; not found; a conflict if aliases reference the version.
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
            Qualifier::Number(number) => {
                delete_version(context, &named, number).await?;
                return Ok(deleted);
            }
            Qualifier::LatestPublished | Qualifier::Nothing(_) => return Err(not_found()),
        }
    }
    let (function, versions) = context.store.delete_function(&named.id).await?.ok_or_else(not_found)?;
    context.events.forget(&named.id).await;
    context.activation.deleted(&function, &versions).await;
    Ok(deleted)
}

/// A version that does not exist is gone already. [AWS: recorded]
async fn delete_version(context: &Context, named: &Named, number: u64) -> Result<(), Error> {
    let removed = context.store.change(&named.id, move |changing| {
        let Some(version) = changing.version(number)? else { return Ok(None) };
        let aliases = changing.aliases("", usize::MAX, |alias| alias.references(number))?;
        if !aliases.is_empty() {
            let names: Vec<&str> = aliases.iter().map(|alias| alias.name.as_str()).collect();
            // [AWS: observed]
            let message = format!(
                "Unable to delete version because the following aliases reference it: [{}]",
                names.join(", ")
            );
            return Err(DomainError::Conflict(message).into());
        }
        changing.remove_version(&version)?;
        Ok(Some(version))
    });
    let removed = removed.await.map_err(|error| changed(error, &named.unqualified()))?;
    context.activation.versions_deleted(removed.as_slice()).await;
    Ok(())
}
