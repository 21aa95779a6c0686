use super::resource::Resource;
use crate::api::{Caller, Context, Error};
use crate::wire::{Violation, shapes};

/// ListTags.
///
/// # Errors
/// AWS's for the ARN; a resource that is missing.
pub async fn list_tags(
    context: &Context,
    caller: &Caller,
    input: shapes::ListTagsRequest,
    violations: Vec<Violation>,
) -> Result<shapes::ListTagsResponse, Error> {
    let tags = Resource::read(caller, input.resource.as_deref(), violations)?.tags(context).await?;
    Ok(shapes::ListTagsResponse { tags: Some(tags.into_iter().collect()) })
}
