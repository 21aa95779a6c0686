//! What functions of an account keep for themselves.

use std::collections::BTreeMap;

use lambdock_domain::concurrency::{Budget, Provisioned, Reserved, Share};
use lambdock_domain::{FunctionId, Limits, Scope};

use crate::store::{self, Resources};

/// The concurrency of the account in the region, and what is taken of it.
///
/// # Errors
/// The store failed.
pub(in crate::api) fn budget(
    resources: &Resources<'_>,
    scope: &Scope,
    limits: &Limits,
) -> Result<Budget, store::Error> {
    let mut shares = BTreeMap::<FunctionId, (Option<u32>, u32)>::new();
    for reserved in resources.attached_in::<Reserved>(scope)? {
        shares.entry(reserved.function).or_default().0 = Some(reserved.value.0);
    }
    for provisioned in resources.attached_in::<Provisioned>(scope)? {
        let (_, sum) = shares.entry(provisioned.function).or_default();
        *sum = sum.saturating_add(provisioned.value.requested);
    }
    let shares = shares
        .into_iter()
        .map(|(function, (reserved, provisioned))| Share { function, reserved, provisioned })
        .collect();
    Ok(Budget::new(limits, shares))
}
