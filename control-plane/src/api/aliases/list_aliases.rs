use super::super::page::Page;
use super::show;
use crate::api::functions::named;
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error};
use crate::wire::{Violation, shapes};

/// ListAliases, by name; with `FunctionVersion` those that point to this version.
///
/// # Errors
/// AWS's for names; a function that does not exist; a marker that is none of ours.
pub async fn list_aliases(
    context: &Context,
    caller: &Caller,
    input: shapes::ListAliasesRequest,
    violations: Vec<Violation>,
) -> Result<shapes::ListAliasesResponse, Error> {
    let named = named(caller, Reach::AnyAccount, input.function_name.as_deref(), None, violations)?;
    let page = Page::read(input.marker.as_deref(), input.max_items)?;
    let (after, limit) = (page.after.clone().unwrap_or_default(), page.look_for());
    let version = input.function_version;
    let (function, aliases) = context
        .store
        .read(&named.id, move |view| {
            let aliases = view.aliases(&after, limit, |alias| {
                version.as_ref().is_none_or(|version| alias.target.to_string() == *version)
            });
            Ok::<_, Error>((view.function()?, aliases?))
        })
        .await?;
    function.ok_or_else(|| named.unqualified().not_found())?;
    let (aliases, next_marker) = page.cut(aliases, |alias| alias.name.clone());
    let aliases = aliases.iter().map(|alias| show(&named.id, alias)).collect();
    Ok(shapes::ListAliasesResponse { aliases: Some(aliases), next_marker })
}
