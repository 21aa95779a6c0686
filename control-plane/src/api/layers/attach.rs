//! Layers of functions.

use lambdock_domain::configuration::LayerUse;
use lambdock_domain::layer::{check_references, does_not_exist, parse_version_arn};
use lambdock_domain::{Error as DomainError, Scope};

use super::find::accessible;
use crate::api::{Caller, Context, Error};
use crate::code::Lease;

/// Layers of a function.
#[derive(Debug, Default)]
pub(in crate::api) struct Attached {
    /// In their order.
    pub(in crate::api) layers: Vec<LayerUse>,
    /// Held until the function is stored: meanwhile a layer may be deleted.
    pub(in crate::api) leases: Vec<Lease>,
}

/// Looks up the layers that a function in `scope` is to have, in their order.
///
/// # Errors
/// AWS's: too many, the same twice, of another region, missing, not shared with the caller.
pub(in crate::api) async fn attached(
    context: &Context,
    caller: &Caller,
    scope: &Scope,
    arns: Vec<String>,
) -> Result<Attached, Error> {
    check_references(&arns, &scope.region)?;
    let (caller, archives) = (caller.scope.clone(), context.archives.clone());
    context
        .store
        .transact(move |resources| {
            let mut attached = Attached::default();
            for arn in &arns {
                let missing = || DomainError::InvalidParameter(does_not_exist(arn));
                let (layer, number) = parse_version_arn(arn).ok_or_else(missing)?;
                let version = accessible(resources, &caller, &layer, number)?.ok_or_else(missing)?;
                attached.leases.push(archives.hold(&version.digest, version.size));
                attached.layers.push(version.used());
            }
            Ok::<_, Error>(attached)
        })
        .await
}
