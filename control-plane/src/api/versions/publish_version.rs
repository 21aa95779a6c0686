use lambdock_domain::{Code, Error as DomainError, Publication};

use super::{publish, publish_to};
use crate::api::functions::{changed, named, show, storage};
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error};
use crate::wire::{Violation, shapes};

/// PublishVersion: freezes `$LATEST` under the next number, or as `$LATEST.PUBLISHED`; without an update since the last version it shows that
/// one again, as it is.
///
/// # Errors
/// AWS's for names; conflicts with the function's state; a stale revision; code that is not the expected one.
pub async fn publish_version(
    context: &Context,
    caller: &Caller,
    input: shapes::PublishVersionRequest,
    violations: Vec<Violation>,
) -> Result<shapes::FunctionConfiguration, Error> {
    let named = named(caller, Reach::AnyAccount, input.function_name.as_deref(), None, violations)?;
    let limits = context.rules.get().limits.clone();
    let published = context.store.change(&named.id, move |changing| {
        changing.function.check_update(input.revision_id.as_deref())?;
        if let Some(expected) = &input.code_sha256 {
            check_code(expected, &changing.function.latest.code)?;
        }
        let to = publish_to(input.publish_to.as_deref(), &changing.function.latest.configuration)?;
        let publication = publish(changing, to, input.description)?;
        if let Publication::New(_) = publication {
            storage::check(&limits, changing.usage()?)?;
        }
        Ok(publication)
    });
    let publication = published.await.map_err(|error| changed(error, &named.unqualified()))?;
    let version = publication.version();
    let arn = named.id.qualified_arn(&version.name.to_string());
    let shown = show::configuration(show::Subject::published(&named.id, version), arn, show::Detail::Full);
    if let Publication::New(version) = &publication
        && version.needs_preparation()
    {
        context.activation.prepare(named.id, version.version.deployment.clone());
    }
    Ok(shown)
}

/// What a folder holds has no hash that could be expected. [AWS: recorded; LocalStack for folders]
fn check_code(expected: &str, code: &Code) -> Result<(), DomainError> {
    let current = show::code_sha256(code).unwrap_or_default();
    if current == expected || matches!(code, Code::Folder { .. }) {
        return Ok(());
    }
    Err(DomainError::InvalidParameter(format!(
        "CodeSHA256 ({expected}) is different from current CodeSHA256 in $LATEST ({current}). Please try again with \
         the CodeSHA256 in $LATEST."
    )))
}
