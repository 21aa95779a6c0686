//! A version is provisioned once: by itself or by one alias.

use lambdock_domain::concurrency::Provisioned;
use lambdock_domain::{Error as DomainError, Qualifier, VersionName};

use crate::api::Error;
use crate::api::resolve::Named;
use crate::store::Resources;

/// Whether `named`, which runs the version `number`, can be provisioned beside what is. [AWS: recorded]
///
/// # Errors
/// The version is provisioned by another name; or the store failed.
pub(super) fn check(resources: &Resources<'_>, named: &Named, number: u64) -> Result<(), Error> {
    for other in resources.attached_to::<Provisioned>(&named.id)? {
        if Some(&other.qualifier) == named.qualifier.as_ref() {
            continue;
        }
        let same = match Qualifier::parse(&other.qualifier) {
            Qualifier::Number(other) => other == number,
            Qualifier::Alias(alias) => resources
                .view(&named.id)
                .alias(&alias)?
                .is_some_and(|alias| alias.references(VersionName::Number(number))),
            Qualifier::Latest | Qualifier::LatestPublished | Qualifier::Nothing(_) => false,
        };
        if same {
            let message = match named.kind() {
                Qualifier::Number(_) => "Version is pointed by a Provisioned Concurrency alias",
                _ => {
                    "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"
                }
            };
            return Err(DomainError::Conflict(message.to_owned()).into());
        }
    }
    Ok(())
}
