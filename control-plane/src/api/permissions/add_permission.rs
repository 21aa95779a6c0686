use lambdock_domain::policy::{Permission, Policy};
use lambdock_domain::{Error as DomainError, Qualifier};

use crate::api::functions::named;
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error, permissions, qualified};
use crate::wire::{Violation, shapes};

/// AddPermission: one statement more in the policy of a function, a version or an alias.
///
/// Where there is no policy yet, `RevisionId` is that of the version or alias. [AWS: recorded for aliases]
///
/// # Errors
/// AWS's for names, principals and statements; a stale revision; a policy that would be too long.
pub async fn add_permission(
    context: &Context,
    caller: &Caller,
    input: shapes::AddPermissionRequest,
    violations: Vec<Violation>,
) -> Result<shapes::AddPermissionResponse, Error> {
    let (name, qualifier) = (input.function_name.as_deref(), input.qualifier.as_deref());
    let named = named(caller, Reach::OwnAccount, name, qualifier, violations)?;
    if named.qualifier.is_some() && named.kind() == Qualifier::Latest {
        let message = "We currently do not support adding policies for $LATEST.";
        return Err(DomainError::InvalidParameter(message.to_owned()).into());
    }
    let given = input.revision_id;
    let permission = Permission {
        statement_id: input.statement_id.unwrap_or_default(),
        action: input.action.unwrap_or_default(),
        principal: input.principal.unwrap_or_default(),
        source_arn: input.source_arn,
        source_account: input.source_account,
        event_source_token: input.event_source_token,
        principal_org_id: input.principal_org_id,
        function_url_auth_type: input.function_url_auth_type,
        invoked_via_function_url: input.invoked_via_function_url,
    };
    let statement = context
        .store
        .transact(move |resources| {
            let target = qualified::found(resources, &named)?;
            let statement = permission.statement(named.arn(), &named.id.scope)?;
            let text = serde_json::to_string(&statement).map_err(crate::store::Error::from)?;
            let before = resources.attached::<Policy>(&named.id, qualified::key(&named))?;
            let revision = before.as_ref().map_or(&target.revision, |policy| &policy.revision);
            if given.is_some_and(|given| given != *revision) {
                return Err(DomainError::PolicyRevisionMismatch.into());
            }
            let policy = permissions::extended(before, statement)?;
            resources.attach(&named.id, qualified::key(&named), &policy)?;
            Ok::<_, Error>(text)
        })
        .await?;
    Ok(shapes::AddPermissionResponse { statement: Some(statement) })
}
