//! Why functions cannot be scaled: none here runs on a capacity provider.

use lambdock_domain::Error as DomainError;

use crate::api::resolve::Named;
use crate::api::{Context, Error, qualified};

/// What AWS says of functions without a capacity provider, which is every one that can be created here. [AWS:
/// recorded for CapacityProviderConfig, in the same words]
pub(super) async fn refuse(context: &Context, named: Named) -> Error {
    let found =
        context.store.transact(move |resources| qualified::found(resources, &named).map(|_| ())).await;
    let message = "FunctionScalingConfig isn't supported for Lambda Default functions.";
    found.err().unwrap_or_else(|| DomainError::InvalidParameter(message.to_owned()).into())
}
