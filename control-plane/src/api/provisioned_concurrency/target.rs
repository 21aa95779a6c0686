//! Versions that can be provisioned.

use lambdock_domain::alias::Target;
use lambdock_domain::configuration::Tenancy;
use lambdock_domain::function::DeploymentId;
use lambdock_domain::{Error as DomainError, VersionName};

use crate::api::resolve::Named;
use crate::api::{Error, qualified};
use crate::store::Resources;

/// A published version, named by its number or by an alias.
pub(super) struct Version {
    pub(super) number: u64,
    pub(super) deployment: DeploymentId,
    pub(super) snap_start: bool,
    pub(super) tenancy: Tenancy,
}

/// The published version that `named` names. `unpublished`: what is said of `$LATEST`.
///
/// # Errors
/// It names `$LATEST`, or nothing; or the store failed.
pub(super) fn version(resources: &Resources<'_>, named: &Named, unpublished: &str) -> Result<Version, Error> {
    let unpublished = || DomainError::InvalidParameter(unpublished.to_owned());
    if named.kind() == lambdock_domain::Qualifier::Latest {
        return Err(unpublished().into());
    }
    match qualified::found(resources, named)?.runs {
        Target::Latest | Target::LatestPublished => Err(unpublished().into()),
        Target::Number(number) => {
            let version = resources.view(&named.id).version(VersionName::Number(number))?;
            let version = version.ok_or_else(|| qualified::missing(named))?;
            let configuration = version.version.configuration;
            Ok(Version {
                number,
                deployment: version.version.deployment,
                snap_start: configuration.snap_start_on_published_versions,
                tenancy: configuration.tenancy,
            })
        }
    }
}

/// What GetProvisionedConcurrencyConfig and DeleteProvisionedConcurrencyConfig say of `$LATEST`. [AWS: recorded]
pub(super) const NOT_PUBLISHED: &str =
    "The function resource provided must be an alias or a published version.";

/// What PutProvisionedConcurrencyConfig says of it. [AWS: recorded]
pub(super) const CANNOT_BE_APPLIED: &str =
    "Provisioned Concurrency Configs cannot be applied to unpublished function versions.";
