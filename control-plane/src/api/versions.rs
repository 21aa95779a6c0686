//! Versions: published and listed. They are looked at and deleted as functions are, with a qualifier.

mod list_versions_by_function;
mod publish_version;

pub use list_versions_by_function::list_versions_by_function;
pub use publish_version::publish_version;

use lambdock_domain::{Error as DomainError, Publication};

use super::{fresh, new_id};
use crate::store::{self, FunctionChange};

/// Publishes `$LATEST` of the function that is being changed.
///
/// # Errors
/// The store failed.
pub(super) fn publish(
    changing: &mut FunctionChange<'_>,
    description: Option<String>,
) -> Result<Publication, store::Error> {
    let last = match changing.function.last_number() {
        Some(number) => changing.version(number)?,
        None => None,
    };
    let publication = changing.function.publish(last, description, fresh(), new_id());
    if let Publication::New(version) = &publication {
        changing.put_version(version)?;
    }
    Ok(publication)
}

/// `PublishTo` is for functions with a capacity provider: only they have a `$LATEST.PUBLISHED`.
///
/// # Errors
/// It was given.
pub(super) fn check_publish_to(publish_to: Option<&str>) -> Result<(), DomainError> {
    match publish_to {
        Some(place) => Err(DomainError::InvalidParameter(format!(
            "PublishTo {place} is only supported for functions with a capacity provider."
        ))),
        None => Ok(()),
    }
}
