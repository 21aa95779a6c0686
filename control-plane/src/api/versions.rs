//! Versions: published and listed. They are looked at and deleted as functions are, with a qualifier.

mod list_versions_by_function;
mod publish_version;

pub use list_versions_by_function::list_versions_by_function;
pub use publish_version::publish_version;

use lambdock_domain::{Configuration, Error as DomainError, Publication, PublishTo};

use super::{fresh, new_id};
use crate::store::{self, FunctionChange};

/// Publishes `$LATEST` of the function that is being changed.
///
/// # Errors
/// The store failed.
pub(super) fn publish(
    changing: &mut FunctionChange<'_>,
    to: PublishTo,
    description: Option<String>,
) -> Result<Publication, store::Error> {
    let last = match changing.function.last_published(to) {
        Some(name) => changing.version(name)?,
        None => None,
    };
    let publication = changing.function.publish(to, last, description, fresh(), new_id());
    if let Publication::New(version) = &publication {
        changing.put_version(version)?;
    }
    Ok(publication)
}

/// Where a version of a function with this configuration is published. [The words are ours]
///
/// # Errors
/// Only functions with a capacity provider have a `$LATEST.PUBLISHED`.
pub(super) fn publish_to(
    given: Option<&str>,
    configuration: &Configuration,
) -> Result<PublishTo, DomainError> {
    match given {
        None => Ok(PublishTo::Number),
        Some(_) if configuration.managed.is_some() => Ok(PublishTo::LatestPublished),
        Some(place) => Err(DomainError::InvalidParameter(format!(
            "PublishTo {place} is only supported for functions with a capacity provider."
        ))),
    }
}
