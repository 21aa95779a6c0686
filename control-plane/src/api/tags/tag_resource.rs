use lambdock_domain::{Error as DomainError, tags};

use super::resource::Resource;
use crate::api::{Caller, Context, Error};
use crate::wire::{Violation, shapes};

/// TagResource: new tags and new values of old ones.
///
/// # Errors
/// AWS's for the ARN; no tags, or more than there may be; a resource that is missing or being updated.
pub async fn tag_resource(
    context: &Context,
    caller: &Caller,
    input: shapes::TagResourceRequest,
    violations: Vec<Violation>,
) -> Result<(), Error> {
    let resource = Resource::read(caller, input.resource.as_deref(), violations)?;
    let added = input.tags.unwrap_or_default();
    if added.is_empty() {
        let message = "An error occurred and the request cannot be processed.";
        return Err(DomainError::InvalidParameter(message.to_owned()).into());
    }
    let limit = context.rules.get().limits.tags;
    resource
        .change_tags(context, move |tags| {
            tags.extend(added);
            tags::check(tags, limit)
        })
        .await
}
