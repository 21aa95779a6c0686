use lambdock_domain::{Configuration, Error as DomainError, Qualifier, VersionName};

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
                return delete_version(context, &named, VersionName::Number(number)).await;
            }
            Qualifier::LatestPublished => {
                return delete_version(context, &named, VersionName::LatestPublished).await;
            }
            Qualifier::Nothing(_) => return Err(not_found()),
        }
    }
    let (function, versions) = context.store.delete_function(&named.id).await?.ok_or_else(not_found)?;
    context.forget(&named.id).await;
    context.activation.deleted(&function, &versions).await;
    Ok(deleted(&function.latest.configuration))
}

/// On a capacity provider AWS takes its time, and says so; here it is gone as well. [LocalStack: status]
fn deleted(configuration: &Configuration) -> shapes::DeleteFunctionResponse {
    let status = if configuration.managed.is_some() { 202 } else { 204 };
    shapes::DeleteFunctionResponse { status_code: Some(status) }
}

/// A version that does not exist is gone already. [AWS: recorded]
async fn delete_version(
    context: &Context,
    named: &Named,
    name: VersionName,
) -> Result<shapes::DeleteFunctionResponse, Error> {
    let (removed, response) = context
        .store
        .change(&named.id, move |changing| {
            let response = deleted(&changing.function.latest.configuration);
            let Some(version) = changing.version(name)? else { return Ok((None, response)) };
            let aliases = changing.aliases("", usize::MAX, |alias| alias.references(name))?;
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
            Ok((Some(version), response))
        })
        .await
        .map_err(|error| changed(error, &named.unqualified()))?;
    context.activation.versions_deleted(removed.as_slice()).await;
    Ok(response)
}
