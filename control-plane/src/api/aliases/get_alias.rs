use lambdock_domain::Error as DomainError;

use super::show;
use crate::api::functions::named;
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error};
use crate::wire::{Violation, shapes};

/// GetAlias.
///
/// # Errors
/// AWS's for names; a function or alias that does not exist, which are told apart.
pub async fn get_alias(
    context: &Context,
    caller: &Caller,
    input: shapes::GetAliasRequest,
    violations: Vec<Violation>,
) -> Result<shapes::AliasConfiguration, Error> {
    let named = named(caller, Reach::AnyAccount, input.function_name.as_deref(), None, violations)?;
    let name = input.name.unwrap_or_default();
    let missing = DomainError::NotFound(format!("Cannot find alias arn: {}", named.id.qualified_arn(&name)));
    let (function, alias) = context
        .store
        .read(&named.id, move |view| Ok::<_, Error>((view.function()?, view.alias(&name)?)))
        .await?;
    function.ok_or_else(|| named.unqualified().not_found())?;
    Ok(show(&named.id, &alias.ok_or(missing)?))
}
