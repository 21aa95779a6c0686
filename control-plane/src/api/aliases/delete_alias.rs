use crate::api::functions::{changed, named};
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error};
use crate::wire::{Violation, shapes};

/// DeleteAlias. An alias that does not exist is gone already. [AWS: recorded]
///
/// # Errors
/// AWS's for names; a function that does not exist.
pub async fn delete_alias(
    context: &Context,
    caller: &Caller,
    input: shapes::DeleteAliasRequest,
    violations: Vec<Violation>,
) -> Result<(), Error> {
    let named = named(caller, Reach::AnyAccount, input.function_name.as_deref(), None, violations)?;
    let name = input.name.unwrap_or_default();
    let deleted = context.store.change(&named.id, move |changing| Ok(changing.remove_alias(&name)?));
    deleted.await.map_err(|error| changed(error, &named.unqualified()))
}
