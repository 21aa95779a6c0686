//! Capacity providers by their names and ARNs.

use lambdock_domain::capacity_provider::name_in;
use lambdock_domain::{CapacityProvider, Error as DomainError, Scope};

use crate::api::Error;
use crate::store::Resources;

/// The provider that `text`, a name or an ARN, names in this account and region. [AWS: recorded for tags]
///
/// # Errors
/// It is missing, or the store failed.
pub(in crate::api) fn found(
    resources: &Resources<'_>,
    scope: &Scope,
    text: &str,
) -> Result<CapacityProvider, Error> {
    let provider = name_in(text, scope).map(|name| resources.capacity_provider(scope, name)).transpose()?;
    provider.flatten().ok_or_else(|| {
        let arn =
            if text.starts_with("arn:") { text.to_owned() } else { CapacityProvider::arn_of(scope, text) };
        DomainError::NotFound(format!("Capacity provider not found: {arn}")).into()
    })
}
