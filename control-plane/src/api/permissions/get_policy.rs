use lambdock_domain::Error as DomainError;
use lambdock_domain::policy::Policy;

use crate::api::functions::named;
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error, qualified};
use crate::wire::{Violation, shapes};

/// GetPolicy: the policy of a function, a version or an alias, as JSON in a string.
///
/// # Errors
/// AWS's for names; not found, in the same words whether it is the function or the policy that is missing. [AWS:
/// recorded]
pub async fn get_policy(
    context: &Context,
    caller: &Caller,
    input: shapes::GetPolicyRequest,
    violations: Vec<Violation>,
) -> Result<shapes::GetPolicyResponse, Error> {
    let (name, qualifier) = (input.function_name.as_deref(), input.qualifier.as_deref());
    let named = named(caller, Reach::AnyAccount, name, qualifier, violations)?;
    let policy = context
        .store
        .transact(move |resources| {
            let policy = resources.attached::<Policy>(&named.id, qualified::key(&named))?;
            policy.ok_or_else(|| Error::from(DomainError::resource_not_found()))
        })
        .await?;
    let document = serde_json::to_string(&policy.document()).map_err(crate::store::Error::from)?;
    Ok(shapes::GetPolicyResponse { policy: Some(document), revision_id: Some(policy.revision) })
}
