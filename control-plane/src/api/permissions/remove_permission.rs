use lambdock_domain::Error as DomainError;
use lambdock_domain::policy::Policy;

use crate::api::functions::named;
use crate::api::qualified::{self, Lookup};
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error, new_id};
use crate::wire::{Violation, shapes};

/// RemovePermission: one statement less. The policy goes with the last one.
///
/// # Errors
/// AWS's for names; a policy or a statement that is missing; a stale revision.
pub async fn remove_permission(
    context: &Context,
    caller: &Caller,
    input: shapes::RemovePermissionRequest,
    violations: Vec<Violation>,
) -> Result<(), Error> {
    let (name, qualifier) = (input.function_name.as_deref(), input.qualifier.as_deref());
    let named = named(caller, Reach::OwnAccount, name, qualifier, violations)?;
    let (sid, given) = (input.statement_id.unwrap_or_default(), input.revision_id);
    context
        .store
        .transact(move |resources| {
            match qualified::look_up(resources, &named)? {
                Lookup::Found(_) => {}
                Lookup::NoFunction => {
                    let message = format!("No policy found for: {}", named.arn());
                    return Err(DomainError::NotFound(message).into());
                }
                Lookup::NoQualifier => return Err(qualified::missing(&named).into()),
            }
            let key = qualified::key(&named);
            let Some(policy) = resources.attached::<Policy>(&named.id, key)? else {
                let message = "No policy is associated with the given resource.";
                return Err(DomainError::NotFound(message.to_owned()).into());
            };
            if given.is_some_and(|given| given != policy.revision) {
                return Err(DomainError::PolicyRevisionMismatch.into());
            }
            match policy.without(&sid, new_id())? {
                Some(left) => resources.attach(&named.id, key, &left)?,
                None => {
                    resources.detach::<Policy>(&named.id, key)?;
                }
            }
            Ok::<_, Error>(())
        })
        .await
}
