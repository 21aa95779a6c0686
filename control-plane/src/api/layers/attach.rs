//! Layers of functions.

use lambdock_domain::configuration::LayerUse;
use lambdock_domain::layer::{check_references, does_not_exist, parse_version_arn};
use lambdock_domain::{Error as DomainError, Scope};

use super::find::check_access;
use crate::api::{Caller, Context, Error};

/// Looks up the layers that a function in `scope` is to have, in their order.
///
/// # Errors
/// AWS's: too many, the same twice, of another region, missing, not shared with the caller.
pub(in crate::api) async fn attached(
    context: &Context,
    caller: &Caller,
    scope: &Scope,
    arns: Vec<String>,
) -> Result<Vec<LayerUse>, Error> {
    check_references(&arns, &scope.region)?;
    let found = context.store.transact(move |resources| {
        let look_up = |arn: String| {
            let missing = || DomainError::InvalidParameter(does_not_exist(&arn));
            let (layer, number) = parse_version_arn(&arn).ok_or_else(missing)?;
            Ok::<_, Error>(resources.layer_version(&layer, number)?.ok_or_else(missing)?)
        };
        arns.into_iter().map(look_up).collect::<Result<Vec<_>, _>>()
    });
    let versions = found.await?;
    versions.iter().try_for_each(|version| check_access(version, caller))?;
    Ok(versions.iter().map(|version| version.used()).collect())
}
