//! The first part of a function URL's host.

use lambdock_domain::function_url::{self, CUSTOM_ID_TAG, FunctionUrl};
use lambdock_domain::{Error as DomainError, Function};
use uuid::Uuid;

use crate::api::Error;
use crate::store::Resources;

/// The id that the function's tag chooses, or one that nobody has. [LocalStack: `_custom_id_`]
///
/// # Errors
/// The chosen one is another URL's in the region, where it would never be reached; or the store failed.
pub(super) fn choose(
    resources: &Resources<'_>,
    function: &Function,
    alias: Option<&str>,
) -> Result<String, Error> {
    let Some(value) = function.tags.get(CUSTOM_ID_TAG) else { return Ok(random()) };
    let Some(id) = function_url::custom_id(value, alias) else {
        tracing::warn!(
            function.arn = %function.id.arn(),
            value,
            "Invalid custom ID tag value: it cannot be the first part of a host name; the URL gets a random one"
        );
        return Ok(random());
    };
    let region = &function.id.scope.region;
    let others = resources.attached_by::<FunctionUrl>(&id.to_ascii_lowercase())?;
    match others.iter().find(|other| other.function.scope.region == *region) {
        Some(other) => Err(DomainError::Conflict(format!(
            "The function URL id {id}, chosen by the tag {CUSTOM_ID_TAG}, is taken by {}.",
            other.function.qualified_arn(&other.qualifier)
        ))
        .into()),
        None => Ok(id),
    }
}

fn random() -> String {
    let [first, second] = [Uuid::new_v4(), Uuid::new_v4()].map(Uuid::into_bytes);
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&first);
    bytes[16..].copy_from_slice(&second);
    function_url::id(bytes)
}
