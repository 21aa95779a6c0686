use super::resource::Resource;
use crate::api::{Caller, Context, Error};
use crate::wire::{Violation, shapes};

/// UntagResource: removes tags; those that are not there are no mistake. [AWS: recorded]
///
/// # Errors
/// AWS's for the ARN; no keys; a resource that is missing or being updated.
pub async fn untag_resource(
    context: &Context,
    caller: &Caller,
    input: shapes::UntagResourceRequest,
    violations: Vec<Violation>,
) -> Result<(), Error> {
    let resource = Resource::read(caller, input.resource.as_deref(), violations)?;
    let keys = input.tag_keys.unwrap_or_default();
    resource
        .change_tags(context, move |tags| {
            tags.retain(|key, _| !keys.contains(key));
            Ok(())
        })
        .await
}
