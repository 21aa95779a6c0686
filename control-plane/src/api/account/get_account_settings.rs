use crate::api::concurrency::budget;
use crate::api::{Caller, Context, Error};
use crate::wire::{Violation, shapes};

/// GetAccountSettings: quotas, and how much of them is used now.
///
/// # Errors
/// The store failed.
pub async fn get_account_settings(
    context: &Context,
    caller: &Caller,
    _: shapes::GetAccountSettingsRequest,
    _: Vec<Violation>,
) -> Result<shapes::GetAccountSettingsResponse, Error> {
    let (scope, limits) = (caller.scope.clone(), context.rules.get().limits.clone());
    let bytes = |bytes: u64| i64::try_from(bytes).ok();
    let (usage, budget) = {
        let limits = limits.clone();
        context
            .store
            .transact(move |resources| {
                Ok::<_, Error>((resources.usage(&scope)?, budget(resources, &scope, &limits)?))
            })
            .await?
    };
    Ok(shapes::GetAccountSettingsResponse {
        account_limit: Some(shapes::AccountLimit {
            total_code_size: bytes(limits.total_code_size),
            code_size_unzipped: bytes(limits.code_size_unzipped),
            code_size_zipped: bytes(limits.code_size_zipped),
            concurrent_executions: Some(limits.concurrent_executions.into()),
            unreserved_concurrent_executions: Some(budget.unreserved().into()),
        }),
        account_usage: Some(shapes::AccountUsage {
            total_code_size: Some(usage.code_size),
            function_count: Some(usage.functions),
        }),
    })
}
